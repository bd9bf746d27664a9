public import NIOCore

extension PubSubRequest {
    /// Longest time to live of a message: 300 s.
    public static let maximumTimeToLive: UInt64 = 300

    /// Reads a text message of a client: one JSON object. Unknown members are ignored, and so are members that the type of the
    /// message does not use. Optional members may be null.
    ///
    /// Takes linear time. The content of the message is not copied unless it has to be changed: text with escapes, base64.
    /// - Throws: ``ProtocolViolation/pubSubMalformed``.
    public init(parsing message: ByteBuffer) throws(ProtocolViolation) {
        guard let members = try? RequestMembers(message), let request = Self(members) else { throw .pubSubMalformed }
        self = request
    }

    private init?(_ members: RequestMembers) {
        guard let type = members.type else { return nil }
        switch type {
        case .ping: self = .ping
        case .sequenceAck:
            guard let number = members.wholeNumber(.sequenceID) else { return nil }
            self = .sequenceAck(number)
        case .joinGroup:
            guard let group = members.group, members.hasValidAckID else { return nil }
            self = .joinGroup(group, ackID: members.wholeNumber(.ackID))
        case .leaveGroup:
            guard let group = members.group, members.hasValidAckID else { return nil }
            self = .leaveGroup(group, ackID: members.wholeNumber(.ackID))
        case .sendToGroup:
            guard let send = members.groupSend, members.hasValidAckID else { return nil }
            self = .sendToGroup(send, ackID: members.wholeNumber(.ackID))
        case .event:
            guard let name = members.string(.event).flatMap({ EventName($0) }), let (payload, metadata) = members.content,
                members.hasValidAckID
            else { return nil }
            self = .event(ClientEvent(name, payload, metadata: metadata), ackID: members.wholeNumber(.ackID))
        }
    }
}

/// The values of `type`, in lower case: they are compared without regard to case.
private enum RequestType: String, CaseIterable {
    case joinGroup = "joingroup"
    case leaveGroup = "leavegroup"
    case sendToGroup = "sendtogroup"
    case event
    case ping
    case sequenceAck = "sequenceack"
}

extension RequestMembers {
    fileprivate var type: RequestType? {
        self.text(.type)?.withUnsafeReadableBytes { text in
            RequestType.allCases.first { $0.rawValue.utf8.elementsEqual(text.lazy.map(\.lowercasedASCII)) }
        }
    }

    fileprivate var group: AudienceName? { self.string(.group).flatMap { AudienceName(pubSubGroup: $0) } }

    fileprivate var hasValidAckID: Bool { self.isAbsent(.ackID) || self.wholeNumber(.ackID) != nil }

    fileprivate var groupSend: GroupSend? {
        guard let group, let (payload, metadata) = self.content, self.isAbsent(.noEcho) || self.boolean(.noEcho) != nil,
            let seconds = self.isAbsent(.timeToLive) ? 0 : self.wholeNumber(.timeToLive),
            seconds <= PubSubRequest.maximumTimeToLive
        else { return nil }
        return GroupSend(
            to: group,
            payload,
            metadata: metadata,
            excludesSender: self.boolean(.noEcho) ?? false,
            timeToLive: seconds == 0 ? nil : .seconds(Int64(seconds))
        )
    }

    // MARK: - Content

    /// `data` by `dataType`, with `metadata`. nil if one of them is wrong.
    fileprivate var content: (payload: TypedPayload, metadata: MessageMetadata)? {
        guard let metadata = self.readMetadata(), let dataType = self.dataType else { return nil }
        if self.kind(.data) == nil, !metadata.isEmpty { return (TypedPayload(.text, ByteBuffer()), metadata) }
        let bytes: ByteBuffer? =
            switch dataType {
            case .json: self.kind(.data) == .null ? nil : self.raw(.data)
            case .text: self.text(.data)
            case .binary, .protobuf: self.text(.data).flatMap { Base64.decode($0) }
            }
        return bytes.map { (TypedPayload(dataType, $0), metadata) }
    }

    private var dataType: TypedPayload.DataType? {
        guard !self.isAbsent(.dataType) else { return .json }
        return self.text(.dataType)?.withUnsafeReadableBytes { text in
            TypedPayload.DataType.allCases.first { $0.rawValue.utf8.elementsEqual(text) }
        }
    }

    private func readMetadata() -> MessageMetadata? {
        guard !self.isAbsent(.metadata), let text = self.raw(.metadata) else { return MessageMetadata() }
        guard case .object(let members)? = try? JSONValue(parsing: text) else { return nil }
        var entries: [MessageMetadata.Entry] = []
        for member in members {
            guard let value = member.value.text else { return nil }
            entries.append(MessageMetadata.Entry(member.name, value))
        }
        return MessageMetadata(entries)
    }

    /// For names. The length of the text is checked next.
    fileprivate func string(_ name: Name) -> UTF8Text? { self.text(name).map { UTF8Text(String(buffer: $0)) } }
}
