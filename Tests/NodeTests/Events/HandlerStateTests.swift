import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import VolaryNode

/// `#expect` takes no calls that change a value.
private final class Breaker {
    private var value = CircuitBreaker()

    func begin(_ now: NIODeadline) -> Bool { self.value.begin(now: now) }

    func ended(isOutage: Bool, now: NIODeadline) { self.value.ended(isOutage: isOutage, now: now) }
}

/// When a handler is asked for permission, when it is suspended, and how many requests it gets at once.
@Suite(.timeLimit(.minutes(5)))
struct HandlerStateTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func `A handler that is down gets no requests for 5 s, then one at a time until one succeeds`() {
        let breaker = Breaker()
        let now = Self.start
        for _ in 1...CircuitBreaker.maximumFailures {
            #expect(breaker.begin(now))
            breaker.ended(isOutage: true, now: now)
        }
        #expect(!breaker.begin(now + .milliseconds(4999)))
        #expect(breaker.begin(now + .seconds(5)))
        #expect(!breaker.begin(now + .seconds(6)))
        breaker.ended(isOutage: true, now: now + .seconds(6))
        #expect(!breaker.begin(now + .seconds(10)))
        #expect(breaker.begin(now + .seconds(11)))
        breaker.ended(isOutage: false, now: now + .seconds(11))
        for _ in 1...10 { #expect(breaker.begin(now + .seconds(11))) }
    }

    @Test func `A success begins the count anew, and ends a pause`() {
        let breaker = Breaker()
        for _ in 1...3 {
            for _ in 1..<CircuitBreaker.maximumFailures { breaker.ended(isOutage: true, now: Self.start) }
            breaker.ended(isOutage: false, now: Self.start)
            #expect(breaker.begin(Self.start))
        }
        for _ in 1...CircuitBreaker.maximumFailures { breaker.ended(isOutage: true, now: Self.start) }
        #expect(!breaker.begin(Self.start))
        // Of a later try.
        breaker.ended(isOutage: false, now: Self.start)
        #expect(breaker.begin(Self.start))
    }

    @Test func `Permission holds for 60 s`() {
        var protection = AbuseProtection()
        #expect(protection.step(now: Self.start) == .ask)
        protection.answered(nil, now: Self.start)
        #expect(protection.step(now: Self.start + .seconds(59)) == .send)
        #expect(protection.step(now: Self.start + .seconds(60)) == .ask)
    }

    @Test func `After a refusal the question is repeated after 1, 2, 4 … 60 s`() {
        var protection = AbuseProtection()
        var now = Self.start
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] as [Int64] {
            protection.answered(.notAllowed, now: now)
            #expect(protection.step(now: now + .milliseconds(pause * 1000 - 1)) == .fail(.notAllowed))
            now = now + .seconds(pause)
            #expect(protection.step(now: now) == .ask)
        }
        protection.answered(nil, now: now)
        protection.answered(.unreachable, now: now)
        #expect(protection.step(now: now + .seconds(1)) == .ask)
    }

    @Test(arguments: [
        (["*"], true), (["push.example.org"], true), (["PUSH.example.org"], true), (["a, push.example.org ,b"], true),
        (["a", "push.example.org"], true), ([], false), (["", "example.org"], false), (["push.example.org:8080"], true),
        (["a:80, push.example.org:80"], true), (["push.example.org:"], false), (["push.example.org:x"], false), (["a:80"], false),
        (["push.example.org80"], false), (["push.example.org b"], false), (["x*"], false), ([":80"], false),
    ])
    func `The field names this server, alone or in a list, with or without a port`(values: [String], isAllowed: Bool) {
        let fields = HTTPHeaders(values.map { ("WebHook-Allowed-Origin", $0) })
        #expect(AbuseProtection.isAllowed(fields, origin: "push.example.org") == isAllowed)
    }

    @Test(arguments: [
        (EventFailure.unreachable, true, true), (.timedOut, false, true), (.status(408), true, false),
        (.status(500), true, false),
        (.status(503), true, true), (.status(404), false, false), (.status(302), false, false), (.notAllowed, false, false),
        (.tooLarge, false, false), (.invalidAnswer, false, false),
    ])
    func `What is tried again, and what counts as down`(failure: EventFailure, permitsRetry: Bool, isOutage: Bool) {
        #expect(failure.permitsRetry == permitsRetry && failure.isOutage == isOutage)
    }

    /// Begins this many calls, each with this size, that end one by one.
    private static func begin(
        _ count: Int,
        bytes: Int,
        in quota: EventQuota,
        _ running: NIOLockedValueBox<Int>,
        _ end: AsyncStream<Void>
    ) -> Task<Void, Never> {
        Task {
            await withTaskGroup(of: Void.self) { tasks in
                for _ in 0..<count {
                    tasks.addTask {
                        _ = try? await quota.run(bytes: bytes) { () throws(EventFailure) in
                            running.withLockedValue { $0 += 1 }
                            for await _ in end { break }
                            running.withLockedValue { $0 -= 1 }
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: [(3, 1, 3), (1000, EventQuota.maximumBytes / 4, 4), (1000, EventQuota.maximumBytes * 2, 1)])
    func `No more requests run at once than the quota allows, in number and bytes`(maximum: Int, bytes: Int, expected: Int) async
    {
        let (quota, running) = (EventQuota(maximum: maximum), NIOLockedValueBox(0))
        let (stream, end) = AsyncStream.makeStream(of: Void.self)
        let calls = Self.begin(10, bytes: bytes, in: quota, running, stream)
        #expect(await eventually { running.withLockedValue { $0 } == expected })
        for _ in 0..<10 {
            end.yield()
            #expect(await eventually { running.withLockedValue { $0 } <= expected })
        }
        end.finish()
        await calls.value
        #expect(running.withLockedValue { $0 } == 0)
    }

    @Test func `A higher quota lets those in that wait; who is canceled leaves the queue`() async {
        let (quota, running) = (EventQuota(maximum: 1), NIOLockedValueBox(0))
        let (stream, end) = AsyncStream.makeStream(of: Void.self)
        let first = Self.begin(1, bytes: 1, in: quota, running, stream)
        #expect(await eventually { running.withLockedValue { $0 } == 1 })
        let canceled = Self.begin(5, bytes: 1, in: quota, running, stream)
        canceled.cancel()
        await canceled.value
        let others = Self.begin(2, bytes: 1, in: quota, running, stream)
        quota.limit(to: 3)
        #expect(await eventually { running.withLockedValue { $0 } == 3 })
        end.finish()
        await first.value
        await others.value
    }
}
