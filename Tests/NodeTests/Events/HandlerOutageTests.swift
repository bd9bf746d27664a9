import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Handlers that are down, too slow, or have too much to do: with short times.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct HandlerOutageTests {
    /// Runs `body` with event handlers outside of a node.
    private static func with(
        _ url: String,
        maximumRequests: Int = 256,
        times: EventHandlers.Times,
        _ body: (EventHandlers, EventHandler, MetricsRegistry) async throws -> Void
    ) async throws {
        let handler = EventHandler(url: try #require(EventURL(url)), userEvents: .all)
        let table = HubTable(hubs: [.default: HubSettings(handlers: [handler], maximumRequests: maximumRequests)])
        let key = try #require(AccessKey(UTF8Text(PubSubToken.key)))
        let registry = MetricsRegistry()
        let handlers = EventHandlers(
            EventConfiguration(source: .options(table), origin: "localhost"),
            keys: try #require(AccessKeys(key: key, file: nil)),
            metrics: EventMetrics(factory: registry),
            logger: .quiet,
            group: .singleton,
            times: times,
            now: { 0 }
        )
        let service = Task { try await handlers.run() }
        defer { service.cancel() }
        try await body(handlers, handler, registry)
        service.cancel()
        try await service.value
    }

    private static func event(_ number: UInt64 = 2, _ kind: CloudEvent.Kind = .user(.message)) -> CloudEvent {
        CloudEvent(
            kind: kind,
            sender: CloudEvent.Sender(id: .random(on: .random()), hub: .default, user: nil, subprotocol: nil),
            number: number,
            contentType: "text/plain",
            body: .init(string: "\(number)")
        )
    }

    private static func failure(_ handlers: EventHandlers, _ handler: EventHandler, _ event: CloudEvent) async -> EventFailure? {
        do throws(EventFailure) {
            _ = try await handlers.send(event, to: handler)
            return nil
        } catch {
            return error
        }
    }

    @Test func `An answer that does not end, and none, end with the time of the event`() async throws {
        let server = try await HandlerServer.start { request in
            if request.method != "POST" { return .permission }
            if request.text == "3" { try? await Task.sleep(for: .seconds(30)) }
            return .init(200, [], String(repeating: "x", count: 100), .slowly)
        }
        try await Self.with(server.url, times: .init(total: .seconds(1), pauses: [.zero])) { handlers, handler, registry in
            #expect(await Self.failure(handlers, handler, Self.event(2)) == .timedOut)
            #expect(await Self.failure(handlers, handler, Self.event(3)) == .timedOut)
            // Timeouts are not tried again.
            #expect(server.events.count == 2)
            let exposition = try Exposition(registry.text(gauges: []))
            #expect(exposition.value("volary_events_total", ["event": "user", "outcome": "timed-out"]) == 2)
        }
    }

    @Test func `A handler that is down fails events fast; when it is back it gets them again`() async throws {
        let isDown = NIOLockedValueBox(true)
        let server = try await HandlerServer.start { request in
            request.method != "POST" ? .permission : isDown.withLockedValue { $0 } ? .init(503) : .init()
        }
        try await Self.with(server.url, times: .init(pauses: [])) { handlers, handler, _ in
            for _ in 0..<CircuitBreaker.maximumFailures {
                #expect(await Self.failure(handlers, handler, Self.event()) == .status(503))
            }
            for _ in 0..<100 { #expect(await Self.failure(handlers, handler, Self.event()) == .suspended) }
            #expect(server.events.count == CircuitBreaker.maximumFailures)
            isDown.withLockedValue { $0 = false }
            #expect(await eventually { await Self.failure(handlers, handler, Self.event()) == nil })
            #expect(server.events.count == CircuitBreaker.maximumFailures + 1)
        }
    }

    @Test func `Nobody listens: four tries, then none for a while`() async throws {
        let port = try SilentPort()
        let times = EventHandlers.Times(pauses: [.seconds(1), .seconds(2), .seconds(4)])
        let url = "http://127.0.0.1:\(port.number)/{hub}/{event}"
        try await Self.with(url, times: times) { handlers, handler, registry in
            let failure = await Self.failure(handlers, handler, Self.event())
            #expect(failure == .unreachable || failure == .suspended)
            let exposition = try Exposition(registry.text(gauges: []))
            #expect(exposition.value("volary_event_retries_total") == 3)
            #expect(exposition.value("volary_event_seconds_count") == 1)
            #expect(await Self.failure(handlers, handler, Self.event()) == .suspended)
        }
    }

    @Test func `No more requests than the hub allows are under way; the others wait in order`() async throws {
        let (running, most) = (NIOLockedValueBox(0), NIOLockedValueBox(0))
        let server = try await HandlerServer.start { request in
            if request.method != "POST" { return .permission }
            let now = running.withLockedValue { count in
                count += 1
                return count
            }
            most.withLockedValue { $0 = max($0, now) }
            try? await Task.sleep(for: .milliseconds(5))
            running.withLockedValue { $0 -= 1 }
            return .init()
        }
        try await Self.with(server.url, maximumRequests: 3, times: .init()) { handlers, handler, _ in
            await withTaskGroup(of: EventFailure?.self) { tasks in
                for number in 0..<50 as Range<UInt64> {
                    let event = Self.event(number)
                    tasks.addTask { await Self.failure(handlers, handler, event) }
                }
                for await failure in tasks { #expect(failure == nil) }
            }
            #expect(server.events.count == 50 && most.withLockedValue { $0 } == 3)
        }
    }

    @Test func `Later tries of an event reach a handler that is suspended`() async throws {
        let count = NIOLockedValueBox(0)
        let server = try await HandlerServer.start { request in
            if request.method != "POST" { return .permission }
            let now = count.withLockedValue { count in
                count += 1
                return count
            }
            return now <= CircuitBreaker.maximumFailures ? .init(503) : .init()
        }
        let times = EventHandlers.Times(pauses: [.zero, .zero, .zero, .zero, .zero])
        try await Self.with(server.url, times: times) { handlers, handler, _ in
            await handlers.notify(Self.event(1, .system(.connected)), to: handler)
            #expect(server.events.count == CircuitBreaker.maximumFailures + 1)
        }
    }
}
