import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

@testable import VolaryNode

/// A hub with the methods that clients of SignalR are tried with.
final class SignalRHub: HubDispatcher {
    private let operations = NIOLockedValueBox<HubOperations?>(nil)

    static func served() -> [ServedHub] { [ServedHub("reference", SignalRHub())] }

    func started(with operations: HubOperations) { self.operations.withLockedValue { $0 = operations } }

    func method(_ target: String) -> HubMethodShape? {
        switch target {
        case "Echo", "Broadcast", "JoinGroup", "SendToGroup", "SendToConnection", "Fail", "AskCaller", "Id": HubMethodShape()
        case "Count", "AskTogether": HubMethodShape(isStream: true)
        case "Sum": HubMethodShape(uploads: 1)
        default: nil
        }
    }

    func call(_ call: HubCall) async throws -> HubResult {
        guard let operations = self.operations.withLockedValue({ $0 }) else { throw HubFailure.failed(nil) }
        let arguments = call.arguments
        switch call.target {
        case "Echo": return .value(HubValue(json: try HubSample.json(arguments[0])))
        case "Id": return .value(HubValue("\(call.caller.id)"))
        case "Broadcast":
            try await self.send(.all(), try arguments.decode(String.self, at: 0), operations)
        case "JoinGroup":
            try await operations.add(call.caller.id, to: AudienceName(try arguments.decode(String.self, at: 0))!)
        case "SendToGroup":
            let group = AudienceName(try arguments.decode(String.self, at: 0))!
            try await self.send(.group(group), try arguments.decode(String.self, at: 1), operations)
        case "SendToConnection":
            let id = ConnectionID(try arguments.decode(String.self, at: 0))!
            try await self.send(.connection(id), try arguments.decode(String.self, at: 1), operations)
        case "Fail": throw HubSample.Secret()
        case "AskCaller":
            let target = try arguments.decode(String.self, at: 0)
            let answer = try await call.caller.ask(
                target,
                [HubValue(json: try HubSample.json(arguments[1]))],
                timeout: .seconds(20)
            )
            return .value(HubValue(json: try HubSample.json(answer ?? HubData(.json, ByteBuffer(string: "null")))))
        case "AskTogether":
            let count = try arguments.decode(Int.self, at: 0)
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<count {
                    group.addTask {
                        do {
                            _ = try await call.caller.ask("confirm", [], timeout: .seconds(60))
                        } catch HubAskError.tooMany {
                            try await call.send(HubValue("refused"))
                        }
                    }
                }
            }
        case "Count":
            for number in 1...(try arguments.decode(Int.self, at: 0)) {
                try await call.send(HubValue(number))
                if number > 10 { try await Task.sleep(for: .milliseconds(5)) }
            }
        case "Sum":
            var sum = 0
            while let item = try await call.uploads[0].next() { sum += try item.decode(Int.self) }
            return .value(HubValue(sum))
        default: throw HubFailure.unknownMethod
        }
        return .void
    }

    private func send(_ target: HubOperations.Target, _ text: String, _ operations: HubOperations) async throws {
        _ = try await operations.invoke("message", [HubValue("hub"), HubValue(text)], of: target)
    }

    func connected(_ caller: HubCaller) async throws {}

    func disconnected(_ caller: HubCaller, error: (any Error)?) async {}
}

enum HubSample {
    /// Whose text no client may see.
    struct Secret: Error {
        let text = "the-secret"
    }

    static func json(_ data: HubData) throws -> ByteBuffer {
        switch data.format {
        case .json: data.bytes
        case .messagePack: try MessagePackJSON.json(of: data.bytes)
        }
    }
}
