import NIOCore
import VolaryProtocol

/// Records as Redis keeps them, see ``RedisScript/sessionParts``.
extension SessionRecord {
    /// - Parameter row: id, fields, groups.
    init?(row: RESPValue) {
        guard let parts = row.elements, parts.count == 3, let id = parts[0].text.flatMap({ ConnectionID($0) }) else { return nil }
        self.init(id: id, fields: parts[1], groups: parts[2])
    }

    /// - Parameters: the hashes of the session and of its groups: fields and values in turn.
    init?(id: ConnectionID, fields: RESPValue, groups: RESPValue) {
        guard let fields = fields.fields, let memberships = MembershipHistory(fields: groups),
            let fence = fields["fence"].flatMap({ Fence(text: String(buffer: $0)) }), let epoch = fields["epoch"]?.number,
            let number = fields["P"]?.number, let delivered = fields["n"]?.number, let window = fields["window"]?.number,
            let permissions = fields["permissions"].flatMap({ ControlEntryCodec.permissions($0) }), let state = fields["state"],
            let status = Self.status(fields)
        else { return nil }
        self.init(
            id: id,
            user: fields["user"]?.name,
            protocol: fields["protocol"].map { String(buffer: $0) } ?? "",
            tokenHash: Hex.bytes(fields["token"]?.readableBytesView ?? ByteBufferView()),
            window: .milliseconds(Int64(window)),
            announcesEnd: fields["announces"].map { String(buffer: $0) } == "1",
            status: status,
            fence: fence,
            epoch: epoch,
            checkpoint: Checkpoint(number: number, delivered: delivered),
            memberships: memberships,
            permissions: permissions,
            state: state,
            connectedAt: fields["opened"]?.number.map { Int64(clamping: $0) } ?? 0,
            acknowledged: AcknowledgedIDCodec.decode(fields["acks"].map { String(buffer: $0) } ?? "")
        )
    }

    private static func status(_ fields: [String: ByteBuffer]) -> Status? {
        guard let node = fields["node"].map({ String(buffer: $0) }) else { return nil }
        guard node.isEmpty else { return NodeID(node).map { .attached($0) } }
        return fields["until"]?.number.map { .detached(until: Int64($0)) }
    }
}

extension MembershipHistory {
    /// - Parameter fields: the hash of a session's groups.
    init?(fields: RESPValue) {
        guard let fields = fields.fields else { return nil }
        var groups: [AudienceName: [Interval]] = [:]
        for (key, bytes) in fields {
            let value = String(buffer: bytes)
            let parts = value.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.count == 2 ? AudienceName(parts[1]) : NameKey.decode(key) else { return nil }
            groups[name] = parts[0].split(separator: " ").compactMap { interval in
                let ends = interval.split(separator: "-", omittingEmptySubsequences: false)
                guard ends.count == 2, let from = UInt64(ends[0]) else { return nil }
                return Interval(from: from, to: UInt64(ends[1]))
            }
        }
        self.init(intervals: groups)
    }
}

extension Fence {
    /// - Parameter text: `<epoch>-<number>`.
    init?(text: String) {
        let parts = text.split(separator: "-").compactMap { UInt64($0) }
        guard parts.count == 2 else { return nil }
        self.init(Position(epoch: parts[0], number: parts[1]))
    }
}

extension RESPValue {
    /// The fields of a hash, which Redis answers as fields and values in turn.
    fileprivate var fields: [String: ByteBuffer]? {
        guard let elements = self.elements, elements.count % 2 == 0 else { return nil }
        var fields: [String: ByteBuffer] = [:]
        for index in stride(from: 0, to: elements.count, by: 2) {
            guard let field = elements[index].text, let value = elements[index + 1].bytes else { return nil }
            fields[field] = value
        }
        return fields
    }
}

extension ByteBuffer {
    fileprivate var number: UInt64? { UInt64(String(buffer: self)) }
}

extension Hex {
    /// The bytes of pairs of digits.
    static func bytes(_ digits: some Sequence<UInt8>) -> [UInt8] {
        let digits = Array(digits)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
    }
}
