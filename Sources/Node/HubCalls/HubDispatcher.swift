/// Answers the calls of the clients of one hub: a hub in Swift, or a backend over HTTP.
///
/// The node reads calls in any protocol of hub clients, keeps their order and their limits, and encodes what a dispatcher gives (``ConnectionCalls``).
/// A dispatcher therefore knows no protocol. One instance serves all connections of the hub on its node, from any thread.
///
/// Calls of one connection come one after the other: the next one begins when the former has ended. Calls of methods that stream in
/// either direction run beside them. Each call is a task of its own, and is canceled when its client cancels it or disconnects.
public protocol HubDispatcher: AnyObject, Sendable {
    /// Called once, before the first client connects.
    func started(with operations: HubOperations)

    /// What a client may call, by the name as the client wrote it. Called on the connection's event loop; must not block.
    /// - Returns: nil for a method that does not exist.
    func method(_ target: String) -> HubMethodShape?

    /// Answers a call of a method that exists, with as many uploads as the method has.
    /// - Returns: the result. For a stream, ``HubResult/void``, after all items were sent (``HubCall/send(_:)``).
    /// - Throws: ``HubFailure``. For any other error the client gets the text of ``HubFailure/failed(_:)`` without a text of ours, and
    ///   the log gets the error.
    func call(_ call: HubCall) async throws -> HubResult

    /// The client is connected. Its calls wait until this returns.
    /// - Throws: if the client may not stay. It gets no reason.
    func connected(_ caller: HubCaller) async throws

    /// Called once for each client for which `connected` was called, after all of its calls have ended, also when it threw.
    /// - Parameter error: nil after a clean end.
    func disconnected(_ caller: HubCaller, error: (any Error)?) async
}

/// What a client has to know of a method.
public struct HubMethodShape: Hashable, Sendable {
    /// Whether it answers with a stream of items.
    public let isStream: Bool
    /// How many streams the client uploads with a call.
    public let uploads: Int

    public init(isStream: Bool = false, uploads: Int = 0) {
        self.isStream = isStream
        self.uploads = uploads
    }
}

/// The result of a call.
public enum HubResult: Sendable {
    case void
    case value(HubValue)
}
