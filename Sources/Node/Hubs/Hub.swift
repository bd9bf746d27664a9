/// A hub: methods that its clients may call, and the life of its clients.
///
/// One value serves all clients of a node, from any thread. State is in an actor that the hub has, and is the state of this node; what all nodes
/// must agree on goes through groups. Dependencies come through the initializer.
///
///     struct Chat: Hub {
///         typealias Client = ChatClient
///         let rooms: Rooms
///
///         static var methods: [HubMethod<Chat>] {
///             method("say", Chat.say)
///             stream("history", Chat.history)
///         }
///
///         func say(_ text: String, in room: String, caller: Caller) async throws {
///             try await caller.clients.group(room).message(from: caller.user ?? "?", text: text)
///         }
///     }
public protocol Hub: Sendable {
    /// Names what clients handle: an `enum` without cases. The methods are extensions of ``HubTarget`` and ``One`` for it.
    associatedtype Client = Never

    typealias Caller = HubCallerContext<Client>

    /// What clients may call. Names are compared without regard to case, and each occurs once.
    @HubMethods<Self> static var methods: [HubMethod<Self>] { get }

    /// A client is connected. Its calls wait until this returns. A client for which this throws is disconnected.
    func connected(_ caller: Caller) async throws

    /// A client is gone, and all of its calls have ended.
    /// - Parameter error: nil after a clean end.
    func disconnected(_ caller: Caller, error: (any Error)?) async
}

extension Hub {
    public func connected(_ caller: Caller) async throws {}

    public func disconnected(_ caller: Caller, error: (any Error)?) async {}
}

/// An error whose text the client gets. Of all other errors the client learns only that the method failed.
public struct HubError: Error, Hashable, Sendable {
    public let text: String

    public init(_ text: String) {
        self.text = text
    }
}
