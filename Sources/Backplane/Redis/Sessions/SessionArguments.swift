import NIOCore
import VolaryProtocol

/// The script of an operation, and its arguments from 14 on.
enum SessionArguments {
    static func of(
        _ operation: SessionOperation,
        as sequence: OperationSequence,
        of node: NodeID,
        limits: SessionLimits
    ) -> (RedisScript, RedisArguments) {
        switch operation {
        case .attach(let attachment): (.attach, self.attach([attachment], limits))
        case .publish(let publication, let writer):
            (.publishInOrder, self.publish(publication, writer, origin: self.origin(of: node), sequence: sequence.number))
        case .change(let change): self.change(change)
        case .close(let id, let reason): (.close, RedisArguments([id.description, reason]))
        }
    }

    /// The origin in the envelopes of a node's sessions. Brokers drop envelopes whose sequence is not above the last one of the same
    /// origin, and a node's sessions count apart from its broker. A node takes those of its own sessions for another node's, so that
    /// its broker delivers them, too.
    static func origin(of node: NodeID) -> NodeID { NodeID(rawValue: ~node.rawValue) }

    static func attach(_ attachments: [SessionAttachment], _ limits: SessionLimits) -> RedisArguments {
        var arguments = RedisArguments(["\(limits.sessions)"])
        for attachment in attachments { self.append(attachment, to: &arguments) }
        return arguments
    }

    private static func append(_ attachment: SessionAttachment, to arguments: inout RedisArguments) {
        let fits =
            attachment.state.readableBytes <= SessionLimits.stateBytes
            && GroupLimits.maximum.fitting(attachment.groups).count == attachment.groups.count
        for argument in [
            attachment.connection.description, fits ? "1" : "0", Hex.encode(attachment.tokenHash),
            "\(attachment.window.milliseconds)", attachment.announcesEnd ? "1" : "0", attachment.user?.text ?? "",
            attachment.user.map { NameKey($0).description } ?? "", attachment.protocol,
        ] {
            arguments.append(argument)
        }
        arguments.append(ControlEntryCodec.encode(attachment.permissions))
        arguments.append(attachment.state)
        arguments.append("\(attachment.connectedAt)")
        arguments.append("\(attachment.groups.count)")
        for group in attachment.groups { arguments.append(RedisArguments(self.key(of: group))) }
    }

    private static func publish(
        _ publication: HubPublication,
        _ writer: SessionWriter?,
        origin: NodeID,
        sequence: UInt64
    ) -> RedisArguments {
        var arguments = RedisArguments()
        if case .connection(let id) = publication.publication.audience {
            arguments.append(RedisArguments(["", id.description]))
        } else {
            arguments.append(RedisArguments([SessionKeys.name(of: publication.publication.audience) ?? "", ""]))
        }
        arguments.append(RedisArguments(self.writer(writer)))
        // As all publications, so that nodes without sessions deliver it.
        let message = NodeMessage.publication(publication.publication)
        arguments.append(Envelope(origin: origin, sequence: sequence, message: message).encoded())
        arguments.append(publication.expiresAt.map { "\($0)" } ?? "")
        return arguments
    }

    private static func change(_ change: SessionChange) -> (RedisScript, RedisArguments) {
        var arguments = RedisArguments([change.connection.description, change.writer == nil ? "0" : "1"])
        arguments.append(RedisArguments(Array(self.writer(change.writer).dropFirst())))
        arguments.append(ControlEntryCodec.encode(change.change))
        switch change.change {
        case .joined(let group):
            arguments.append(RedisArguments(["join"] + self.membership(of: group)))
            return (.changeMembership, arguments)
        case .left(let group):
            arguments.append(RedisArguments(["leave"] + self.membership(of: group)))
            return (.changeMembership, arguments)
        case .permissions(let permissions):
            let fits = permissions.reduce(0) { $0 + $1.utf8.count } <= SessionLimits.permissionBytes
            arguments.append(fits ? "permissions" : "")
            arguments.append(ControlEntryCodec.encode(permissions))
            return (.changeField, arguments)
        case .state(let state):
            arguments.append(state.readableBytes <= SessionLimits.stateBytes ? "state" : "")
            arguments.append(state)
            return (.changeField, arguments)
        }
    }

    /// Connection, fence and id to remember; empty for none.
    private static func writer(_ writer: SessionWriter?) -> [String] {
        guard let writer else { return ["", "", ""] }
        return [
            writer.connection.description, writer.fence.position.description,
            writer.ackID.map { AcknowledgedIDCodec.encode($0) } ?? "",
        ]
    }

    private static func membership(of group: AudienceName) -> [String] {
        let limits = GroupLimits.maximum
        return self.key(of: group)
            + ["\(group.byteCount)", "\(SessionLimits.intervals)", "\(limits.groups)", "\(limits.bytes)"]
    }

    private static func key(of group: AudienceName) -> [String] {
        let key = NameKey(group)
        return [key.description, key.isHash ? group.text : ""]
    }
}

/// The stored form of acknowledged ids, see ``RedisScript/sessionParts``.
enum AcknowledgedIDCodec {
    /// Larger numbers are not exact in a script.
    private static let largestNumber: UInt64 = 1 << 52

    static func encode(_ id: AckID) -> String {
        switch id {
        case .number(let number): number < self.largestNumber ? "\(number)" : "#\(number)"
        case .text(let text): "=\(Hex.encode(text.text.utf8))"
        }
    }

    static func decode(_ text: String) -> AcknowledgedIDs {
        AcknowledgedIDs(runs: text.split(separator: " ").compactMap { self.run($0) })
    }

    private static func run(_ token: Substring) -> (AckID, UInt64)? {
        switch token.utf8.first {
        case UInt8(ascii: "="):
            let bytes = Hex.bytes(token.utf8.dropFirst())
            return AckID(UTF8Text(String(decoding: bytes, as: UTF8.self))).map { ($0, 1) }
        case UInt8(ascii: "#"): return UInt64(token.dropFirst()).map { (.number($0), 1) }
        default:
            let parts = token.split(separator: "+").compactMap { UInt64($0) }
            return parts.count == 2 ? (.number(parts[0]), parts[1]) : nil
        }
    }
}
