extension PubSubMessage {
    /// - Returns: nil for a publication that clients of Web PubSub do not get: announcements of the cluster.
    init?(_ publication: Publication) {
        guard publication.kind != .system else { return nil }
        let source: Source =
            switch publication.audience {
            case .group(let group): .group(group, user: publication.details?.senderUser.map { UTF8Text($0.text) })
            case .all, .connection, .user: .server
            }
        self.init(
            from: source,
            TypedPayload(publication),
            metadata: publication.details?.metadata ?? MessageMetadata()
        )
    }
}

extension TypedPayload {
    init(_ publication: Publication) {
        switch publication.dataType {
        case .text: self.init(.text, publication.payload)
        case .binary: self.init(.binary, publication.payload)
        case .json: self.init(.json, publication.payload)
        case .protobuf: self.init(.protobuf, publication.payload)
        }
    }
}

extension Publication.DataType {
    public init(_ dataType: TypedPayload.DataType) {
        switch dataType {
        case .text: self = .text
        case .json: self = .json
        case .binary: self = .binary
        case .protobuf: self = .protobuf
        }
    }
}
