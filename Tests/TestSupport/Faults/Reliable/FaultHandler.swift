import NIOConcurrencyHelpers

/// The event handler of the hub of reliable clients, which may fail.
final class FaultHandler: Sendable {
    enum Manner: Sendable {
        case well
        /// Connections are closed without an answer.
        case down
        /// Answers come a second late.
        case slow
        case garbage
    }

    /// With `{event}` for the name of the event.
    let url: String
    private let server: HandlerServer
    private let state = NIOLockedValueBox((manner: Manner.well, disturbed: 0))

    static func start() async throws -> FaultHandler {
        let box = NIOLockedValueBox<FaultHandler?>(nil)
        let server = try await HandlerServer.start { request in
            guard let handler = box.withLockedValue({ $0 }) else { return .init(500) }
            return await handler.answer(request)
        }
        let handler = FaultHandler(server)
        box.withLockedValue { $0 = handler }
        return handler
    }

    private init(_ server: HandlerServer) {
        self.server = server
        self.url = "http://127.0.0.1:\(server.port)/{event}"
    }

    func stop() async { await self.server.stop() }

    /// The message that a client gets for its event.
    static func answer(to payload: String) -> String { "answer to \(payload)" }

    /// How many requests were not answered well.
    var disturbed: Int { self.state.withLockedValue { $0.disturbed } }

    func set(_ manner: Manner) { self.state.withLockedValue { $0.manner = manner } }

    private func answer(_ request: HandlerServer.Request) async -> HandlerServer.Answer {
        guard request.method == "POST" else { return .permission }
        let manner = self.state.withLockedValue { state in
            if state.manner != .well { state.disturbed += 1 }
            return state.manner
        }
        let answer = HandlerServer.Answer(200, [("Content-Type", "text/plain")], Self.answer(to: request.text))
        switch manner {
        case .well: return answer
        case .down: return .init(200, [], "", .not)
        case .garbage: return .init(200, [], "", .raw("garbage\r\n\r\n"))
        case .slow:
            try? await Task.sleep(for: .seconds(1))
            return answer
        }
    }
}
