import Foundation
import NIOConcurrencyHelpers
import VolaryNode
public import VolaryProtocol

/// A client of a hub in a test.
public final class HubTestClient: Sendable {
    /// The answer to a call was an error. Its text is what a client sees.
    public struct CallError: Error, Hashable, Sendable {
        public let text: String

        public init(text: String) {
            self.text = text
        }
    }

    private let client: MemoryClient
    private let inbox: HubTestInbox
    private let lastID = NIOLockedValueBox(0)
    /// How long to wait for anything.
    private let timeout = Duration.seconds(30)

    init(_ client: MemoryClient, _ inbox: HubTestInbox) {
        self.client = client
        self.inbox = inbox
    }

    public var id: ConnectionID { self.client.id }

    // MARK: - Calls

    /// Calls a method and waits for its result.
    public func invoke<each Argument: Encodable, Result: Decodable>(
        _ method: String,
        _ arguments: repeat each Argument,
        as type: Result.Type
    ) async throws -> Result {
        let message = try await self.answer(to: self.call(method, try Self.list(repeat each arguments)))
        return try Self.decode(type, "result", message.text)
    }

    /// Calls a method without a result and waits for its end.
    public func invoke<each Argument: Encodable>(_ method: String, _ arguments: repeat each Argument) async throws {
        _ = try await self.answer(to: self.call(method, try Self.list(repeat each arguments)))
    }

    /// Calls a method that streams.
    /// - Parameter limit: after so many items the call is canceled.
    /// - Returns: the items.
    public func stream<each Argument: Encodable, Item: Decodable>(
        _ method: String,
        _ arguments: repeat each Argument,
        as type: Item.Type,
        first limit: Int = .max
    ) async throws -> [Item] {
        let id = self.call(method, try Self.list(repeat each arguments))
        var items: [Item] = []
        while true {
            let message = try await self.answer(to: id)
            if message.end == true { return items }
            if items.count < limit { items.append(try Self.decode(type, "item", message.text)) }
            if items.count == limit { self.client.send(#"{"cancel":\#(id)}"#) }
        }
    }

    /// Calls a method with a stream, and uploads the items.
    public func upload<each Argument: Encodable, Result: Decodable>(
        _ items: [some Encodable],
        to method: String,
        _ arguments: repeat each Argument,
        as type: Result.Type
    ) async throws -> Result {
        let stream = "upload-\(self.nextID())"
        let id = self.call(method, try Self.list(repeat each arguments), #","streams":["\#(stream)"]"#)
        for item in items { self.client.send(#"{"stream":"\#(stream)","item":\#(try Self.json(item))}"#) }
        self.client.send(#"{"stream":"\#(stream)","end":true}"#)
        return try Self.decode(type, "result", try await self.answer(to: id).text)
    }

    /// Calls a method without an answer.
    public func send<each Argument: Encodable>(_ method: String, _ arguments: repeat each Argument) throws {
        let list = try Self.list(repeat each arguments)
        self.client.send(#"{"call":\#(try Self.json(method)),"args":\#(list)}"#)
    }

    /// Cancels a call. The first one has the number 1.
    public func cancel(call number: Int) { self.client.send(#"{"cancel":\#(number)}"#) }

    private func call(_ method: String, _ arguments: String, _ more: String = "") -> Int {
        let id = self.nextID()
        let name = (try? Self.json(method)) ?? ""
        self.client.send(#"{"id":\#(id),"call":\#(name),"args":\#(arguments)\#(more)}"#)
        return id
    }

    private func nextID() -> Int {
        self.lastID.withLockedValue { last in
            last += 1
            return last
        }
    }

    private func answer(to id: Int) async throws -> HubTestInbox.Message {
        guard let message = await self.inbox.take(within: self.timeout, { $0.id == id }) else {
            throw HubTest.Failure(description: "no answer")
        }
        if let text = message.error { throw CallError(text: text) }
        return message
    }

    // MARK: - Events

    /// The arguments of the next call of a method of this client.
    public func next<each Argument: Decodable>(
        _ event: String,
        as types: repeat (each Argument).Type
    ) async throws -> (repeat each Argument) {
        let message = try await self.event(event)
        let list = try Self.arguments(message.text)
        var index = -1
        func following<Value: Decodable>(_ type: Value.Type) throws -> Value {
            index += 1
            guard list.indices.contains(index) else { throw HubTest.Failure(description: "too few arguments: \(message.text)") }
            return try JSONDecoder().decode(type, from: list[index])
        }
        return (repeat try following(each types))
    }

    /// Waits until the hub asks for a result, and gives it.
    public func answer(_ event: String, with result: some Encodable) async throws {
        let message = try await self.event(event)
        guard let ask = message.ask else { throw HubTest.Failure(description: "\(event) wants no result") }
        self.client.send(#"{"answer":"\#(ask)","result":\#(try Self.json(result))}"#)
    }

    private func event(_ name: String) async throws -> HubTestInbox.Message {
        guard let message = await self.inbox.take(within: self.timeout, { $0.event == name }) else {
            throw HubTest.Failure(description: "no \(name)")
        }
        return message
    }

    // MARK: - Life

    /// Disconnects.
    /// - Parameter isClean: false: the connection is lost.
    public func leave(isClean: Bool = true) { self.client.leave(isClean: isClean) }

    /// Waits for the end of the connection.
    /// - Returns: the reason that the node gave.
    public func closed() async -> String? { await self.inbox.take(within: self.timeout) { $0.closing != nil }?.closing }

    // MARK: - JSON

    private static func json(_ value: some Encodable) throws -> String {
        String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
    }

    private static func list<each Argument: Encodable>(_ arguments: repeat each Argument) throws -> String {
        var texts: [String] = []
        for argument in repeat each arguments { texts.append(try self.json(argument)) }
        return "[\(texts.joined(separator: ","))]"
    }

    private static func decode<Value: Decodable>(_ type: Value.Type, _ member: String, _ text: String) throws -> Value {
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        return try JSONDecoder().decode(type, from: self.data(object?[member] ?? NSNull()))
    }

    private static func arguments(_ text: String) throws -> [Data] {
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        return try (object?["args"] as? [Any] ?? []).map(self.data)
    }

    private static func data(_ value: Any) throws -> Data {
        try JSONSerialization.data(withJSONObject: value, options: .fragmentsAllowed)
    }
}
