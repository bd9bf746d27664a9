import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// What a node of a memory cluster misses.
@Suite
struct MissedOnMemoryTests {
    @Test
    func `Clients of a node whose event loop stands still are told how many messages they missed, and get the rest in order`()
        async throws
    {
        try await Loops.with(1, maximumUnsentBytes: 1 << 30) { loops in
            let client = try await loops.connect(1)[0]
            let parts = DeliveryHarness.parts(loops.manager)
            let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
            let bus = MemoryBus()
            let origin = DeliveryHarness.origin
            let sender = MemoryBroker(bus: bus, node: origin, eventLoop: eventLoop)
            let member = MemoryBroker(bus: bus, node: loops.manager.node, eventLoop: eventLoop)
            member.attach(parts.delivery)
            try await member.subscribe(to: .all)
            let gate = ConditionLock(value: 0)
            loops.manager.shards[0].eventLoop.execute {
                gate.lock(whenValue: 1)
                gate.unlock()
            }

            // More than waits at an event loop.
            let (count, bytes) = (24, 4_000_000)
            #expect(count * bytes > ConnectionShard.queueBytes)
            for number in 0..<count {
                let publication = Publication(
                    id: .random(on: origin),
                    kind: .message,
                    dataType: .binary,
                    timestamp: 0,
                    payload: ByteBuffer(repeating: UInt8(number), count: bytes)
                )
                let outcome = await withCheckedContinuation { continuation in
                    sender.publish(.publication(publication), to: .all) { continuation.resume(returning: $0) }
                }
                guard case .success(.relayed(receivers: 1, at: _)) = outcome else {
                    Issue.record("\(outcome)")
                    continue
                }
            }
            gate.lock()
            gate.unlock(withValue: 1)

            let fitting = ConnectionShard.queueBytes / bytes
            let frames = await loops.frames(of: client, atLeast: fitting + 1)
            let numbers = frames.map { frame -> UInt8? in if case .binary(let payload) = frame { payload.first } else { nil } }
            #expect(numbers == (0..<fitting).map { UInt8($0) } + [nil])
            guard case .text(let notice)? = frames.last else {
                Issue.record("the client was not told")
                return
            }
            #expect(notice.contains(#""type":"system","message":"\#(count - fitting) messages were lost.""#))
        }
    }
}
