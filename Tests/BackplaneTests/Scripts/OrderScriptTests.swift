import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Numbers, epochs and operations of a hub in a real Redis.
@Suite(.timeLimit(.minutes(2)))
struct OrderScriptTests {
    @Test func `Numbers rise by one in the epoch of the hub's first script`() async throws {
        try await ScriptedOrder.run { order in
            let first = try await order.observe()
            #expect(first.above == -1 && first.operation == 0 && first.history.count == 40)
            // At least the seconds since 2020, times 2^16.
            #expect(first.position.number > (1_796_000_000 - 1_577_836_800) << 16)
            for number in 1...100 {
                let next = try await order.take()
                #expect(next.position == Position(epoch: first.position.epoch, number: first.position.number + UInt64(number)))
            }
            order.history = first.history
            #expect(try await order.observe().history.isEmpty)
        }
    }

    @Test func `Another history begins an epoch whose numbers jump, and tells what it has lost`() async throws {
        try await ScriptedOrder.run { order in
            var starts: [Position] = []
            for _ in 0..<20 {
                _ = try await order.take()
                let last = try await order.take()
                starts.append(last.position)
                order.server.command("HSET", order.head, "run", "another")
                order.seen = last.position
                order.history = last.history
                let next = try await order.observe()
                #expect(next.position.epoch > last.position.epoch)
                #expect(next.position.number >= last.position.number + 1 << 24)
                // All that had been observed is there.
                #expect(next.above == Int64(last.position.number))
            }
            // Whoever has observed the second epoch may lack what was observed above the lowest base since.
            order.seen = starts[10]
            #expect(try await order.observe().above == Int64(starts[10].number))
            order.seen = starts[1]
            let unknown = try await order.observe()
            #expect(unknown.above == 0 && !unknown.isTotal, "the epoch is not kept any more")
        }
    }

    @Test func `The head tells of which epoch a caller has observed more than has survived`() async throws {
        try await ScriptedOrder.run { order in
            var lost: String? { order.server.values(of: order.head, ["lost"])[0] }
            var ends: [Position] = []
            for _ in 0..<3 {
                ends.append(try await order.take().position)
                order.server.command("HSET", order.head, "run", "another")
            }
            for end in ends {
                order.seen = end
                _ = try await order.observe()
                #expect(lost == nil, "all is there")
            }
            // In the second epoch a number above its end; then in the first; then in the present one.
            order.seen = Position(epoch: ends[1].epoch, number: ends[1].number + 1)
            _ = try await order.observe()
            #expect(lost == "\(ends[1].epoch)")
            order.seen = Position(epoch: ends[0].epoch, number: ends[0].number + 1)
            _ = try await order.observe()
            #expect(lost == "\(ends[1].epoch)", "the last is kept")
            let present = try await order.take().position
            order.seen = Position(epoch: present.epoch, number: present.number + 1)
            #expect(try await order.observe().position.epoch > present.epoch)
            #expect(lost == "\(present.epoch)")
            // An epoch that the head does not know; and a head that is gone.
            order.server.command("HDEL", order.head, "lost")
            order.seen = Position(epoch: ends[0].epoch - 1, number: 1)
            _ = try await order.observe()
            #expect(lost == "\(ends[0].epoch - 1)")
            order.server.command("DEL", order.head)
            order.seen = present
            _ = try await order.observe()
            #expect(lost == "\(present.epoch)")
        }
    }

    @Test func `Redis is asked for its history when the link was told another one, else every 50 ms`() async throws {
        try await ScriptedOrder.run { order in
            order.history = try await order.observe().history
            order.server.command("HSET", order.head, "checked", "9000000000000")
            order.server.command("CONFIG", "RESETSTAT")
            func asked() -> Int {
                order.server.info("commandstats").firstMatch(of: /cmdstat_info:calls=(\d+)/).flatMap { Int($0.1) } ?? 0
            }
            // A time that is to come was not set by a node.
            _ = try await order.take()
            #expect(asked() == 1)
            let time = "redis.call('HSET', hub, 'checked', now) return observed()"
            _ = try await order.evaluate(time)
            let before = asked()
            let probe = "return redis.call('HGET', hub, 'checked') == tostring(now) and 1 or 0"
            for _ in 0..<20 { _ = try await order.evaluate(probe) }
            #expect(asked() < before + 20)
            order.isDue()
            let due = asked()
            _ = try await order.take()
            #expect(asked() > due)
            order.history = "another"
            let other = asked()
            for _ in 0..<5 { _ = try await order.take() }
            #expect(asked() >= other + 5)
        }
    }

    @Test(arguments: [
        ["FLUSHALL"], ["DEL", "head"], ["SET", "head", "x"], ["HSET", "head", "number", "x"], ["HDEL", "head", "epoch"],
    ])
    func `A head that is gone or damaged never gives a number again`(damage: [String]) async throws {
        try await ScriptedOrder.run { order in
            // Above what the seconds since 2020 give.
            let first = try await order.observe()
            order.server.command("HINCRBY", order.head, "number", "10000000000000")
            let last = try await order.take()
            #expect(last.position.number > first.position.number + 9_000_000_000_000)
            order.seen = last.position
            order.history = last.history
            order.server.command(damage.map { $0 == "head" ? order.head : $0 })
            let next = try await order.take()
            #expect(next.position.epoch > last.position.epoch && next.position.number > last.position.number + 1 << 24)
            #expect(next.above == 0 && next.isTotal || damage[0] == "HDEL")
            #expect(try await order.take().position == Position(epoch: next.position.epoch, number: next.position.number + 1))
        }
    }

    @Test func `A head that has gone back begins an epoch for whoever has observed more`() async throws {
        try await ScriptedOrder.run { order in
            let first = try await order.take()
            order.seen = try await order.take().position
            // As from an older dump that the same process has restored.
            order.server.command("HSET", order.head, "number", "\(first.position.number)")
            let next = try await order.observe()
            #expect(next.position.epoch > first.position.epoch && next.position.number > first.position.number + 1 << 24)
            #expect(next.above == Int64(first.position.number), "the second is lost")
        }
    }

    @Test func `An epoch begins without memory, too`() async throws {
        try await ScriptedOrder.run { order in
            let first = try await order.take()
            order.server.command("CONFIG", "SET", "maxmemory", "1")
            order.server.command("HSET", order.head, "run", "another")
            order.server.command("DEL", order.head)
            order.seen = first.position
            let next = try await order.take()
            #expect(next.position.epoch > first.position.epoch)
            #expect(try await order.take().position == Position(epoch: next.position.epoch, number: next.position.number + 1))
        }
    }

    @Test func `An operation is executed once, whatever comes in between`() async throws {
        try await ScriptedOrder.run { order in
            #expect(try await order.execute(1) == "executed")
            #expect(try await order.execute(2, after: 1) == "executed")
            let after = try await order.observe(lane: "node")
            #expect(after.operation == 2)
            for sequence in [1, 2, 1] { #expect(try await order.execute(sequence, after: sequence - 1) == "done") }
            #expect(try await order.execute(5, after: 4) == "gap")
            #expect(try await order.execute(5, after: 2) == "executed")
            // Another node has a sequence of its own.
            #expect(try await order.execute(1, lane: "other") == "executed")
            #expect(try await order.observe().position.number == after.position.number + 2)
        }
    }

    @Test func `A refusal uses its sequence up, and is remembered`() async throws {
        try await ScriptedOrder.run { order in
            let lua = "local done = once() if done then return done end refuse('fenced') return 'refused'"
            #expect(try await order.evaluate(lua, lane: "node", sequence: 1).text == "refused")
            #expect(try await order.execute(2, after: 1) == "executed")
            #expect(try await order.execute(1) == "fenced")
            for sequence in 3...2100 {
                _ = try await order.evaluate(lua, lane: "node", sequence: sequence, previous: sequence - 1)
            }
            #expect(try await order.execute(2100) == "fenced")
            let kept = order.server.command("HLEN", "\(RedisNames.standard.hub(.default)):refused:node")
            #expect(kept.flatMap { Int($0.dropFirst().dropLast()) }.map { (1024...2048).contains($0) } == true)
        }
    }

    @Test func `The floor is the number at the oldest time at which a topic without a log may have had one`() async throws {
        try await ScriptedOrder.run { order in
            let first = try await order.take()
            func floor() async throws -> UInt64 {
                UInt64(try await order.evaluate("return floor()").integer ?? -1)
            }
            #expect(try await floor() == first.position.number - 1)
            // Longer ago than a topic lives.
            let lua = """
                local marks = string.format('%.0f:5,%.0f:7,', now - age - 20000, now - age - 1000)
                redis.call('HSET', hub, 'checked', 0, 'marked', now - age - 1000, 'marks', marks)
                return 1
                """
            _ = try await order.evaluate(lua)
            #expect(try await floor() == 7)
            let marks = order.server.values(of: order.head, ["marks"])[0]
            #expect(marks?.split(separator: ",").count == 3, "with the number of now")
        }
    }

    @Test func `Lanes that are idle for a day are forgotten, if there are many`() async throws {
        try await ScriptedOrder.run { order in
            let lua = """
                for i = 1, 1200 do redis.call('HSET', hub, 'op:' .. i, i) end
                redis.call('HSET', hub, 'checked', 0, 'marked', 0)
                return 1
                """
            _ = try await order.evaluate(lua)
            _ = try await order.take()
            let kept = "\(RedisNames.standard.hub(.default)):lanes"
            #expect(order.server.command("HLEN", kept) == ":1201\r\n")
            #expect(try await order.execute(1201, lane: "7") == "executed")
            for _ in 0..<2 {
                order.server.command("HSET", order.head, "checked", "0", "marked", "0")
                _ = try await order.take()
                #expect(order.server.command("HEXISTS", order.head, "op:1") == ":1\r\n", "not a day has passed")
            }
            order.server.command("HSET", kept, "", "1")
            order.server.command("HSET", order.head, "checked", "0", "marked", "0")
            _ = try await order.take()
            #expect(order.server.command("HEXISTS", order.head, "op:1") == ":0\r\n")
            #expect(try await order.execute(1201, lane: "7") == "done")
        }
    }
}
