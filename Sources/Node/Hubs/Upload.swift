import VolaryNode

/// A stream that the client uploads: a parameter of a method. Iterated once.
///
/// The client sends on only as fast as the items are taken. The iteration throws when the client fails the stream or is gone, and for an item
/// of another type.
public struct Upload<Item: Decodable & Sendable>: AsyncSequence, Sendable {
    public struct AsyncIterator: AsyncIteratorProtocol {
        let upload: HubUpload

        public mutating func next() async throws -> Item? { try await self.upload.next()?.decode(Item.self) }
    }

    let upload: HubUpload

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(upload: self.upload) }
}

extension Upload: InjectedParameter {
    static var isUpload: Bool { true }

    static func take(from reader: inout ArgumentReader) throws -> Upload { Upload(upload: try reader.nextUpload()) }

    public init(from decoder: any Decoder) throws { throw NotDecodable() }
}
