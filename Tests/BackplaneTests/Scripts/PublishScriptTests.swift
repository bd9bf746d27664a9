import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// The publishing script in a real Redis: places, and the log's bounds. Outcomes are compared with what Redis itself says it holds.
@Suite(.timeLimit(.minutes(2)))
struct PublishScriptTests {
    @Test
    func `Offsets count up from 1 without a hole, in the epoch of the first message`() async throws {
        try await ScriptedLog.run { log in
            for number in 1...300 {
                let place = try await log.publish("message \(number)", epoch: number == 1 ? "epoch--1" : "another1")
                #expect(place == .init(epoch: "epoch--1", offset: Int64(number)))
            }
            let page = try await log.read()
            #expect(page.head?.name == "epoch--1" && page.head?.offset == 300 && page.head?.start == 0)
            #expect(page.offsets == Array(1...300) && page.texts == (1...300).map { "message \($0)" })
            #expect(log.length == 300)
        }
    }

    @Test(arguments: [1, 2, 16, 64])
    func `A log never holds more messages than it may, and not many fewer`(count: Int) async throws {
        try await ScriptedLog.run { log in
            log.count = count
            for number in 1...(4 * count + 10) {
                _ = try await log.publish("\(number)")
                let length = try #require(log.length)
                #expect(length <= count && length >= min(number, count - count / 16))
            }
            let page = try await log.read()
            #expect(page.offsets.last == page.head?.offset && page.entries.count == log.length)
            #expect(page.texts == page.offsets.map(String.init))
            let first = try #require(page.offsets.first)
            #expect(page.offsets == Array(first...UInt64(4 * count + 10)))
        }
    }

    @Test
    func `A log never holds more bytes than it may, but for one message that alone is larger`() async throws {
        var random = SplitMix64(state: 7)
        try await ScriptedLog.run { log in
            let bytes = 10_000
            log.bytes = bytes
            var sum = 0
            for number in 1...200 {
                let isLarge = number % 50 == 0
                let size = isLarge ? 12_000 : Int.random(in: 1...1500, using: &random)
                _ = try await log.publish(String(repeating: "x", count: size))
                sum = isLarge ? 0 : sum + size
                let sizes = try await log.read().entries.map(\.bytes.readableBytes)
                let total = sizes.reduce(0, +)
                #expect(sizes.last == size && log.length == sizes.count)
                #expect(total <= bytes || sizes.count == 1, "\(sizes)")
                // Once full, a sixteenth more is forgotten than has to be, and the rest of a message.
                #expect(total >= min(sum, bytes - bytes / 16 - 1500))
            }
        }
    }

    @Test
    func `While there are new messages, none stays for longer than it may and the second between two looks`() async throws {
        try await ScriptedLog.run { log in
            try await log.publish(1...10)
            #expect(log.makeOlder(by: 200_000))
            try await log.publish(11...20)
            #expect(try await log.read().offsets == Array(1...20))
            #expect(log.makeOlder(by: 100_001))
            #expect(try await log.read().offsets == Array(1...20), "nothing has come")
            #expect(try await log.publish("21").offset == 21)
            let page = try await log.read()
            #expect(page.offsets == Array(11...21) && page.head?.offset == 21)
        }
    }

    @Test
    func `An idle topic's log goes as a whole; its head stays, and offsets go on`() async throws {
        try await ScriptedLog.run { log in
            (log.count, log.age) = (64, 60_000)
            try await log.publish(1...40)
            let life = try #require(log.integer("PTTL", log.keys.log))
            #expect((1...log.age + 1000).contains(life))
            #expect(log.server.age(by: Int64(life)))
            #expect(!log.hasLog)
            let headLife = try #require(log.integer("PTTL", log.keys.head))
            #expect(headLife > 3_500_000 && headLife <= log.age + 3_600_000)
            let page = try await log.read()
            #expect(page.head?.offset == 40 && page.entries.isEmpty)

            log.age = 300_000
            let trims = log.trims
            #expect(try await log.publish("41", epoch: "another1") == .init(epoch: "epoch--1", offset: 41))
            try await log.publish(42...100)
            // What has gone does not count as held: there is room for these, and nothing to look for to be forgotten.
            #expect(try await log.read().offsets == Array(41...100))
            #expect(log.trims - trims <= 1)
        }
    }

    @Test
    func `After FLUSHALL a new epoch begins, at 1`() async throws {
        try await ScriptedLog.run { log in
            try await log.publish(1...3)
            log.server.command("FLUSHALL")
            #expect(try await log.read().head == nil)
            #expect(try await log.publish("new", epoch: "epoch--2") == .init(epoch: "epoch--2", offset: 1))
            let page = try await log.read(epoch: "epoch--1", from: "4")
            #expect(page.head?.name == "epoch--2" && page.head?.beginning == .fresh && page.texts == ["new"])
        }
    }

    @Test(
        arguments: [
            ["SET", "log", "x"], ["SET", "head", "x"], ["HSET", "head", "offset", "-1"], ["HSET", "head", "offset", "1e9"],
            ["HSET", "head", "epoch", "short"], ["HDEL", "head", "total"], ["XADD", "log", "99999999999999-0", "a", "b"],
            ["HSET", "head", "first", "9007199254740993"], ["DEL", "head"],
        ]
    )
    func `What no node has written is replaced, by a new epoch`(damage: [String]) async throws {
        try await ScriptedLog.run { log in
            try await log.publish(1...3)
            let key = damage[1] == "log" ? log.keys.log : log.keys.head
            log.server.command([damage[0], key] + damage[2...])
            #expect(try await log.publish("a", epoch: "epoch--2") == .init(epoch: "epoch--2", offset: 1))
            #expect(try await log.publish("b", epoch: "epoch--3") == .init(epoch: "epoch--2", offset: 2))
            #expect(try await log.read().texts == ["a", "b"])
        }
    }
}
