import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Logs of topics in the order of a hub, as scripts of sessions use them.
@Suite(.timeLimit(.minutes(2)))
struct TopicLogScriptTests {
    private static let names =
        "local log, top, channel = scope .. ':log:group:blue', scope .. ':top:group:blue', scope .. ':t:group:blue'\n"

    private func append(_ text: String, _ order: ScriptedOrder) async throws -> UInt64 {
        let lua = Self.names + "local _, number = append(log, top, channel, '\(text)') save() return number"
        return UInt64(try await order.evaluate(lua).integer ?? 0)
    }

    private func start(_ order: ScriptedOrder) async throws -> UInt64 {
        UInt64(try await order.evaluate(Self.names + "return startOf(log, top)").integer ?? 0)
    }

    @Test func `An entry has its number in the hub, the one before it in its topic, and its offset`() async throws {
        try await ScriptedOrder.run { order in
            let begin = try await order.observe().position.number
            for number in 1...5 {
                #expect(try await self.append("\(number)", order) == begin + UInt64(2 * number - 1))
                // Of another topic.
                _ = try await order.take()
            }
            let lua =
                Self.names + """
                    local told = {}
                    for _, found in ipairs(redis.call('XRANGE', log, '-', '+')) do
                        told[#told + 1], told[#told + 2], told[#told + 3] = numberOf(found[1]), whole(found[2][8]), whole(found[2][10])
                    end
                    return told
                    """
            let told = try await order.evaluate(lua).elements?.compactMap(\.integer) ?? []
            let expected = (1...5).flatMap { offset -> [Int64] in
                let number = Int64(begin) + 2 * Int64(offset) - 1
                return [number, offset == 1 ? 0 : number - 2, Int64(offset)]
            }
            #expect(told == expected)
            #expect(try await self.start(order) == begin)
        }
    }

    @Test func `A topic begins at the floor, and starts where its log does, or where it ended`() async throws {
        try await ScriptedOrder.run { order in
            _ = try await order.take()
            let floor = try await order.observe().position.number - 1
            #expect(try await self.start(order) == floor)
            var numbers: [UInt64] = []
            for number in 1...1100 { numbers.append(try await self.append("\(number)", order)) }
            // A log has at most 1,000 entries.
            let length = Int(try await order.evaluate(Self.names + "return redis.call('XLEN', log)").integer ?? 0)
            #expect(length < 1000 && length > 900)
            #expect(try await self.start(order) == numbers[1100 - length - 1])
            _ = try await order.evaluate(Self.names + "return redis.call('DEL', log)")
            #expect(try await self.start(order) == numbers[1099], "all of it has expired")
            _ = try await self.append("after", order)
            #expect(try await self.start(order) == numbers[1099])
        }
    }

    @Test(arguments: ["redis.call('SET', log, 'x')", "redis.call('HDEL', top, 'total')", "redis.call('DEL', top)"])
    func `A log that is begun anew starts at the number of that time`(damage: String) async throws {
        try await ScriptedOrder.run { order in
            for number in 1...3 { _ = try await self.append("\(number)", order) }
            _ = try await order.evaluate(Self.names + "\(damage) return 1")
            let before = try await order.take().position.number
            let number = try await self.append("new", order)
            #expect(number == before + 1)
            #expect(try await self.start(order) == before)
        }
    }

    @Test func `A topic that a resumable member needs keeps more than its limit`() async throws {
        try await ScriptedOrder.run { order in
            let lua = Self.names + "count = 10 local _, number = append(log, top, channel, 'x') save() return number"
            for _ in 0..<50 { _ = try await order.evaluate(lua) }
            let length = Self.names + "return redis.call('XLEN', log)"
            #expect(try await order.evaluate(length).integer ?? 0 <= 10)
            _ = try await order.evaluate(Self.names + "keep(log, top) return 1")
            for _ in 0..<50 { _ = try await order.evaluate(lua) }
            #expect(try await order.evaluate(length).integer ?? 0 >= 60)
            _ = try await order.evaluate(Self.names + "redis.call('HSET', top, 'keep', now - 1) return 1")
            _ = try await order.evaluate(lua)
            #expect(try await order.evaluate(length).integer ?? 0 <= 10)
        }
    }

    @Test func `A topic that is kept is logged, also while nobody is subscribed to it`() async throws {
        try await ScriptedOrder.run { order in
            // The name of the hub's data is not new, so topics that nobody uses have no log.
            order.server.command("SET", HubStoreKeys.standard.name, "1")
            #expect(try await self.append("without a log", order) == 0)
            let floor = try await order.observe().position.number
            _ = try await order.evaluate(Self.names + "keep(log, top) return 1")
            #expect(try await self.append("logged", order) == floor + 1)
            #expect(try await self.start(order) < floor)
        }
    }

    @Test func `An entry of a session's own topic has a number of the hub, and goes to its owner`() async throws {
        try await ScriptedOrder.run { order in
            let begin = try await order.observe().position.number
            let lua = """
                local list = scope .. ':session:c:own'
                local number = appendOwn(list, 5, scope .. ':n:1:t', 'c', 'entry')
                save()
                local bytes = redis.call('LINDEX', list, 0)
                local first, previous, time = struct.unpack('>I8I8I8', bytes)
                return {number, first, previous, time == now and 1 or 0, string.sub(bytes, 25)}
                """
            let answer = try #require(try await order.evaluate(lua).elements)
            #expect(answer.prefix(4).map(\.integer) == [Int64(begin) + 1, Int64(begin) + 1, 5, 1])
            #expect(answer.last?.text == "entry")
        }
    }
}
