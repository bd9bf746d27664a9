import NIOCore

/// Commands for audiences and permissions.
extension EnvelopeCodec {
    static func encode(_ command: AudienceCommand, to writer: inout ByteWriter) {
        writer.write(command.hub)
        writer.write(command.audience)
        if let selection = command.selection { writer.write(selection) }
        writer.write(command.id)
        writer.write(command.timestamp)
        writer.write(command.action.kind.rawValue)
        switch command.action {
        case .close(let text): writer.write(text: text)
        case .join(let groups), .leave(let groups):
            for group in groups {
                writer.write(UInt16(group.byteCount))
                writer.write(text: group.text)
            }
        case .leaveAll: break
        }
    }

    static func encode(_ request: PermissionRequest, to writer: inout ByteWriter) {
        writer.write(request.hub)
        writer.write(request.id)
        writer.write(request.connection)
        writer.write(request.action.rawValue)
        writer.write(request.permission.code)
        if let group = request.group { writer.write(text: group.text) }
    }

    static func decodeAudience(_ bytes: inout ByteBuffer, _ fields: EnvelopeFields) throws(EnvelopeError) -> AudienceCommand {
        let id = try bytes.readID(of: PublicationKind.self)
        guard let (timestamp, rawAction) = bytes.readMultipleIntegers(as: (Int64, UInt8).self) else { throw .truncated }
        guard let kind = AudienceAction(rawValue: rawAction) else { throw .invalid(field: "action") }
        let action: AudienceCommand.Action
        switch kind {
        case .close:
            guard bytes.readableBytes <= Limits.maximumCloseTextBytes, bytes.isWellFormedUTF8 else {
                throw .invalid(field: "text")
            }
            action = .close(text: String(buffer: bytes))
        case .join: action = .join(try self.decodeGroups(&bytes))
        case .leave: action = .leave(try self.decodeGroups(&bytes))
        case .leaveAll:
            guard bytes.readableBytes == 0 else { throw .trailingBytes }
            action = .leaveAll
        }
        return AudienceCommand(
            id: id,
            hub: fields.hub,
            audience: fields.audience,
            selection: fields.details,
            timestamp: timestamp,
            action: action
        )
    }

    private static func decodeGroups(_ bytes: inout ByteBuffer) throws(EnvelopeError) -> [AudienceName] {
        var groups: [AudienceName] = []
        repeat {
            guard let length = bytes.readInteger(as: UInt16.self), length <= bytes.readableBytes else { throw .truncated }
            guard groups.count < Limits.maximumGroupsPerCommand else { throw .invalid(field: "groups") }
            groups.append(try bytes.readName(Int(length), field: "group"))
        } while bytes.readableBytes > 0
        return groups
    }

    static func decodePermission(_ bytes: inout ByteBuffer, in hub: HubName) throws(EnvelopeError) -> PermissionRequest {
        let id = try bytes.readID(of: PublicationKind.self)
        let connection = try bytes.readID(of: ConnectionKind.self)
        guard let (rawAction, code) = bytes.readMultipleIntegers(as: (UInt8, UInt8).self) else { throw .truncated }
        guard let action = PermissionRequest.Action(rawValue: rawAction) else { throw .invalid(field: "action") }
        guard let permission = GroupPermission(code: code) else { throw .invalid(field: "permission") }
        let group = bytes.readableBytes == 0 ? nil : try bytes.readName(bytes.readableBytes, field: "group")
        return PermissionRequest(
            id: id,
            hub: hub,
            connection: connection,
            action: action,
            permission: permission,
            group: group
        )
    }
}

extension AudienceCommand.Action {
    fileprivate var kind: EnvelopeCodec.AudienceAction {
        switch self {
        case .close: .close
        case .join: .join
        case .leave: .leave
        case .leaveAll: .leaveAll
        }
    }

    /// Bytes after the kind.
    package var byteCount: Int {
        switch self {
        case .close(let text): text.utf8.count
        case .join(let groups), .leave(let groups): groups.reduce(0) { $0 + 2 + $1.byteCount }
        case .leaveAll: 0
        }
    }
}

extension GroupPermission {
    fileprivate var code: UInt8 {
        switch self {
        case .joinLeaveGroup: 1
        case .sendToGroup: 2
        }
    }

    fileprivate init?(code: UInt8) {
        switch code {
        case 1: self = .joinLeaveGroup
        case 2: self = .sendToGroup
        default: return nil
        }
    }
}
