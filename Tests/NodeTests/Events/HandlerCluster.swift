import TestSupport
import Testing
import VolaryBackplane

@testable import VolaryNode

/// Nodes on one memory bus, with an event handler that gets all events.
struct HandlerCluster {
    let nodes: [APITestNode]
    let handler: HandlerServer
    let bus: MemoryBus

    /// - Parameter answer: to events. Permission is given.
    static func with(
        _ count: Int,
        _ answer: @escaping @Sendable (HandlerServer.Request) async -> HandlerServer.Answer = { _ in .init() },
        _ body: (HandlerCluster) async throws -> Void
    ) async throws {
        let handler = try await HandlerServer.start { request in
            request.method == "POST" ? await answer(request) : .permission
        }
        let events = #"["connect", "connected", "disconnected"]"#
        let file = try TemporaryFile(
            #"{"hubs":{"chat":{"handlers":[{"url":"\#(handler.url)","user-events":"*","system-events":\#(events)}]}}}"#
        )
        let bus = MemoryBus()
        try await APITestNode.withPubSub(count, [.hubs: file.path], bus: bus) {
            try await body(HandlerCluster(nodes: $0, handler: handler, bus: bus))
        }
        await handler.stop()
    }

    /// The events of one name.
    func events(_ name: String) -> [HandlerServer.Request] { self.handler.events.filter { $0.event == name } }

    /// Waits until the store lists no end of which the handler was not told: no node tells of one any more.
    func waitsUntilToldOfEnds() async throws {
        #expect(try await eventually { try await self.bus.sessions.ended(in: "chat", limit: 1).isEmpty })
    }
}
