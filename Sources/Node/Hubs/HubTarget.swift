public import VolaryNode
public import VolaryProtocol

/// Clients of a hub that a method is called of.
///
/// What clients handle is written once, as an extension:
///
///     extension HubTarget<ChatClient> {
///         @discardableResult func message(from: String, text: String) async throws -> Receipt {
///             try await self.send("message", from, text)
///         }
///     }
public protocol HubTarget<Client>: Sendable {
    associatedtype Client

    /// Calls a method of the clients. Used by ``send(_:_:)``.
    func call(_ method: String, _ arguments: [HubValue]) async throws -> Receipt
}

/// What became of a message to clients.
public struct Receipt: Hashable, Sendable {
    /// How many connections have got it.
    public let recipients: Int
    /// Whether all nodes with such connections have answered in time.
    public let isComplete: Bool

    public init(recipients: Int, isComplete: Bool) {
        self.recipients = recipients
        self.isComplete = isComplete
    }

    init(_ reach: HubOperations.Reach) { self.init(recipients: reach.recipients, isComplete: reach.isComplete) }
}

extension HubTarget {
    /// Calls a method of the clients with these arguments.
    @discardableResult
    public func send<each Argument: Encodable & Sendable>(
        _ method: String,
        _ arguments: repeat each Argument
    ) async throws -> Receipt {
        var values: [HubValue] = []
        for argument in repeat each arguments { values.append(HubValue(argument)) }
        return try await self.call(method, values)
    }
}

/// Any number of clients.
public struct Many<Client>: HubTarget {
    let target: Result<HubOperations.Target, HubSendError>
    let operations: HubOperationsBox
    var waits = true

    /// The same clients. What is sent to them is sent when the cluster has it: the receipt is empty and not complete.
    public var unconfirmed: Many {
        var copy = self
        copy.waits = false
        return copy
    }

    public func call(_ method: String, _ arguments: [HubValue]) async throws -> Receipt {
        let (target, operations) = (try self.target.get(), try self.operations.get())
        if self.waits { return Receipt(try await operations.invoke(method, arguments, of: target)) }
        try await operations.post(method, arguments, to: target)
        return Receipt(recipients: 0, isComplete: false)
    }
}

/// One client, which may be asked for a result:
///
///     extension One<ChatClient> {
///         func confirm(_ question: String) async throws -> Bool { try await self.ask("confirm", question) }
///     }
public struct One<Client>: HubTarget {
    public let id: ConnectionID
    let operations: HubOperationsBox

    public func call(_ method: String, _ arguments: [HubValue]) async throws -> Receipt {
        Receipt(try await self.operations.get().invoke(method, arguments, of: .connection(self.id)))
    }

    /// Calls a method of the client and waits for its result. The connection must be one of this node.
    /// - Throws: ``VolaryNode/HubAskError``; what decoding throws.
    public func ask<each Argument: Encodable & Sendable, Answer: Decodable>(
        _ method: String,
        _ arguments: repeat each Argument,
        as type: Answer.Type = Answer.self,
        timeout: Duration = .seconds(30)
    ) async throws -> Answer {
        var values: [HubValue] = []
        for argument in repeat each arguments { values.append(HubValue(argument)) }
        let data = try await self.operations.get().ask(method, values, of: self.id, timeout: timeout)
        guard let data else { throw HubAskError.failed("The client gave no result.") }
        return try data.decode(type)
    }
}
