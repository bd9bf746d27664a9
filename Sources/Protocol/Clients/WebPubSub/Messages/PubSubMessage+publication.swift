extension PubSubMessage {
    /// - Returns: nil for a publication that clients of Web PubSub do not get: announcements of the cluster.
    init?(_ publication: Publication) {
        guard publication.kind != .system else { return nil }
        let payload = TypedPayload(publication)
        switch publication.audience {
        case .group(let group): self.init(from: .group(group, user: nil), payload)
        case .all, .connection, .user: self.init(from: .server, payload)
        }
    }
}

extension TypedPayload {
    init(_ publication: Publication) {
        switch publication.dataType {
        case .text: self.init(.text, publication.payload)
        case .binary: self.init(.binary, publication.payload)
        case .json: self.init(.json, publication.payload)
        }
    }
}
