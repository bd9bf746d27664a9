import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Reading a topic's log, and ending its epoch.
@Suite(.timeLimit(.minutes(2)))
struct ReadLogScriptTests {
    @Test(arguments: [1, 15, 16, 17, 40])
    func `A page ends with the message that makes it full, by count or by bytes`(entries: Int) async throws {
        try await ScriptedLog.run { log in
            try await log.publish(100...199)
            for bytes in [LogPage.bytes, 1, 3, 4, 31] {
                let size = min(entries, (bytes + 2) / 3)
                var next = 7
                while next <= 100 {
                    let page = try await log.read(epoch: "epoch--1", from: "\(next)", entries: entries, bytes: bytes)
                    let expected = next..<min(next + size, 101)
                    #expect(page.offsets == expected.map(UInt64.init) && page.texts == expected.map { "\($0 + 99)" })
                    #expect(page.head?.offset == 100)
                    next += max(page.entries.count, 1)
                }
                #expect(try await log.read(epoch: "epoch--1", from: "101", entries: entries, bytes: bytes).entries.isEmpty)
            }
        }
    }

    @Test
    func `Whoever followed another epoch gets this one from its start`() async throws {
        try await ScriptedLog.run { log in
            #expect(try await log.read() == LogPage(head: nil))
            log.count = 16
            try await log.publish(1...40)
            let whole = try await log.read(epoch: "epoch--1")
            #expect(try await log.read(epoch: "another1", from: "39") == whole)
            #expect(try await log.read(epoch: "epoch--1", from: "39").texts == ["39", "40"])
            #expect(try await log.read(entries: 0).entries.isEmpty)
        }
    }

    @Test
    func `Who begins to follow a log gets its last message only, if it is still there`() async throws {
        try await ScriptedLog.run { log in
            #expect(try await log.read(from: "last", entries: 1, bytes: 1) == LogPage(head: nil))
            try await log.publish(1...40)
            for epoch in ["", "epoch--1", "another1"] {
                let page = try await log.read(epoch: epoch, from: "last", entries: 1, bytes: 1)
                #expect(page.head?.offset == 40 && page.offsets == [40] && page.texts == ["40"])
            }
            log.server.command("DEL", log.keys.log)
            let empty = try await log.read(from: "last", entries: 1, bytes: 1)
            #expect(empty.head?.offset == 40 && empty.entries.isEmpty)
        }
    }

    @Test
    func `Entries that no node has written are passed over; those that are too large come empty`() async throws {
        try await ScriptedLog.run { log in
            try await log.publish(1...2)
            let second = try #require(try await log.read().entries.last)
            log.server.command("XADD", log.keys.log, "\(second.number)-5", "a", "b")
            try await log.publish(3...3)
            _ = try await log.publish(String(repeating: "x", count: 100))
            try await log.publish(5...5)
            let page = try await log.read(largest: 99)
            #expect(page.offsets == [1, 2, 3, 4, 5] && page.texts == ["1", "2", "3", "", "5"])
            log.server.command("SET", log.keys.log, "x")
            let empty = try await log.read()
            #expect(empty.entries.isEmpty && empty.head?.offset == 5)
            log.server.command("SET", log.keys.head, "x")
            #expect(try await log.read() == LogPage(head: nil))
        }
    }

    @Test
    func `An epoch is ended once, keeps what it holds, and its offsets go on in the next`() async throws {
        try await ScriptedLog.run { log in
            #expect(try await log.endEpoch("epoch--1", next: "epoch--2") == 0)
            log.count = 16
            try await log.publish(1...40)
            let before = try await log.read()
            #expect(try await log.endEpoch("another1", next: "epoch--2") == 0)
            #expect(try await log.endEpoch("epoch--1", next: "epoch--2") == 1)
            // Others have found it out too.
            for next in ["epoch--3", "epoch--4"] { #expect(try await log.endEpoch("epoch--1", next: next) == 0) }
            let after = try await log.read(epoch: "epoch--1", from: "40")
            #expect(after.entries == before.entries && after.head?.name == "epoch--2" && after.head?.offset == 40)
            #expect(after.head?.beginning == .forked && after.head?.start == (before.offsets.first ?? 0) - 1)
            #expect(try await log.publish("41", epoch: "another1") == .init(epoch: "epoch--2", offset: 41))
        }
    }

    @Test
    func `An epoch without a message left is ended too, also when Redis has no memory`() async throws {
        try await ScriptedLog.run { log in
            try await log.publish(1...4)
            log.server.command("DEL", log.keys.log)
            #expect(try await log.endEpoch("epoch--1", next: "epoch--2") == 1)
            let page = try await log.read()
            #expect(page.head?.start == 4 && page.head?.offset == 4 && page.head?.beginning == .forked)
            log.server.command("CONFIG", "SET", "maxmemory", "1")
            #expect(try await log.endEpoch("epoch--2", next: "epoch--3") == 1)
            #expect(try await log.read() == LogPage(head: nil))
        }
    }

    @Test
    func `Redis' data has the name that it was given first, for as long as it is there`() async throws {
        try await ScriptedLog.run { log in
            var names: [String?] = []
            for name in ["1", "2"] { names.append(try await log.identify(name)) }
            log.server.command("FLUSHALL")
            log.server.command("CONFIG", "SET", "maxmemory", "1")
            names.append(try await log.identify("2"))
            log.server.command("CONFIG", "SET", "maxmemory", "0")
            names.append(try await log.identify("3"))
            #expect(names == ["1", "1", "", "3"])
        }
    }
}
