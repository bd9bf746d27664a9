public import VolaryProtocol

/// One call of a client.
public struct HubCall: Sendable {
    /// The method, as the client wrote it.
    public let target: String
    public let arguments: HubArguments
    /// As many as the method has (``HubMethodShape/uploads``), in their order.
    public let uploads: [HubUpload]
    public let caller: HubCaller
    /// Sends an item and waits for room. nil: the client wants no answer.
    let sendItem: (@Sendable (HubData) async throws -> Void)?

    /// Sends the next item of the answer of a streaming method. Waits while the client has too many unsent bytes.
    /// - Throws: `CancellationError` when the client does not want more, or is gone; what encoding throws.
    public func send(_ item: HubValue) async throws {
        try Task.checkCancellation()
        guard let sendItem else { return }
        try await sendItem(try item.encoded(as: self.caller.format))
    }
}

/// The arguments of a call, without its uploads, or the values of a client's answer.
public struct HubArguments: Sendable {
    private let values: [HubData]

    public init(_ values: [HubData]) {
        self.values = values
    }

    public var count: Int { self.values.count }

    /// The encoded value, for a dispatcher that passes it on.
    public subscript(index: Int) -> HubData { self.values[index] }

    /// - Throws: ``HubFailure/arguments`` for a value of another type, and without an argument at this place.
    public func decode<Value: Decodable>(_ type: Value.Type, at index: Int) throws(HubFailure) -> Value {
        guard self.values.indices.contains(index) else { throw .arguments }
        do {
            return try self.values[index].decode(type)
        } catch {
            throw .arguments
        }
    }
}
