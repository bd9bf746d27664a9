import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Whoever may publish on a topic's channel may say anything there.
@Suite(.timeLimit(.minutes(3)))
struct ForgedPlacesTests {
    private static let largest = UInt64(9_007_199_254_740_991)

    private static func frame(offset: UInt64, number: UInt64 = 5, previous: UInt64 = 4) -> ByteBuffer {
        var bytes = ByteBuffer(string: "L")
        bytes.writeMultipleIntegers(UInt64(7), offset, UInt64(3), number, previous)
        bytes.writeImmutableBuffer(Envelope(origin: NodeID(rawValue: 7), sequence: 1, message: .receipts([])).encoded())
        return bytes
    }

    @Test
    func `An offset that no script counts up to is no place in a log`() throws {
        for offset in [1, Self.largest] {
            guard case .logged(let place, let previous, let epoch, _) = try BrokerFrame(Self.frame(offset: offset)) else {
                Issue.record("\(offset) was not taken")
                continue
            }
            #expect(place == LogPosition(epoch: 7, offset: offset, number: 5) && previous == 4 && epoch == 3)
        }
        for offset in [0, Self.largest + 1, .max] { #expect((try? BrokerFrame(Self.frame(offset: offset))) == nil, "\(offset)") }
        for (number, previous): (UInt64, UInt64) in [(0, 0), (Self.largest + 1, 1), (.max, 1), (5, 5), (5, 6)] {
            #expect((try? BrokerFrame(Self.frame(offset: 1, number: number, previous: previous))) == nil, "\(number)")
        }
    }

    @Test
    func `An answer with such an offset is none of the script's`() {
        func page(offset: Int64, start: Int64 = 0, entries: [Int64] = []) -> LogPage? {
            let list = entries.flatMap { [RESPValue.integer($0), .integer($0), .bulk(ByteBuffer(string: "x"))] }
            let head: [RESPValue] = [.bulk(ByteBuffer(string: "epoch--1")), .integer(offset), .integer(start), .integer(0)]
            return LogPage(.array(head + [.integer(offset), .array(list), .integer(1), .integer(0)]))
        }
        let largest = Int64(Self.largest)
        #expect(page(offset: largest, start: largest, entries: [1, largest])?.offsets == [1, Self.largest])
        #expect(page(offset: 0)?.head?.offset == 0)
        for offset in [largest + 1, .max, -1] { #expect(page(offset: offset) == nil, "\(offset)") }
        #expect(page(offset: 3, start: 4) == nil && page(offset: 3, start: -1) == nil)
        for entries: [Int64] in [[0], [4], [2, 2], [-1], [.max]] {
            #expect(page(offset: 3, entries: entries) == nil, "\(entries)")
        }
    }

    @Test(
        arguments: [
            (#"string.rep('\255', 8)"#, 4, 0), (#"string.rep('\0', 8)"#, 4, 0), ("struct.pack('>I8', 2 ^ 53 - 1)", 100, 100),
        ]
    )
    func `Published by anybody, they end no node: they are ignored, or told as gaps of which nobody knows the size`(
        offset: String,
        times: Int,
        gaps: Int
    ) async throws {
        try await LoggedCluster.run(of: 2) { cluster in
            // A drain, of all messages the shortest that is logged.
            let script = #"""
                local number = 0
                local function publish(epoch, offset, sequence)
                    local envelope = 'V\2\5\2\0\0\0\7' .. struct.pack('>I8', sequence) .. string.rep('\0', 17)
                    number = number + 1
                    local order = struct.pack('>I8I8I8', 1, number, number - 1)
                    redis.call('SPUBLISH', ARGV[1], 'L' .. struct.pack('>I8', epoch) .. offset .. order .. envelope)
                end
                for epoch = 1, ARGV[2] do
                    publish(epoch, struct.pack('>I8', 1), 2 * epoch)
                    publish(epoch, \#(offset), 2 * epoch + 1)
                end
                return 'done'
                """#
            #expect(cluster.server.command("EVAL", script, "0", LogKeys(.all).channel, "\(times)") == "$4\r\ndone\r\n")
            #expect(
                await eventually(within: LoggedCluster.timeout) {
                    cluster.nodes.allSatisfy {
                        $0.receiver.count >= times && $0.broker.health.gaps == gaps && $0.broker.health.isUp
                    }
                }
            )
            await cluster.publish(["after"])
            #expect(await eventually { cluster.nodes.allSatisfy { $0.receiver.texts == ["after"] } })
            #expect(cluster.nodes.allSatisfy { $0.receiver.missed.allSatisfy { $0.topic == .all } })
            #expect(cluster.nodes.allSatisfy { $0.receiver.missed.isEmpty == (gaps == 0) && $0.broker.health.lost == 0 })
        }
    }
}
