import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// A Redis that has no memory for the log, or does not allow to publish: nothing is left half done.
@Suite(.timeLimit(.minutes(2)))
struct PublishRefusalTests {
    @Test(arguments: ["spublish", "xadd"])
    func `A refused publication uses up no offset and leaves no entry`(command: String) async throws {
        try await ScriptedLog.run { log in
            try await log.publish(1...3)
            log.server.command("ACL", "SETUSER", "default", "-\(command)")
            for _ in 0..<3 {
                await #expect(throws: RedisScriptError.self) { try await log.publish("refused") }
            }
            #expect(log.length == 3)
            #expect(try await log.read().texts == ["1", "2", "3"])
            log.server.command("ACL", "SETUSER", "default", "+\(command)")
            #expect(try await log.publish("4", epoch: "another1") == .init(epoch: "epoch--1", offset: 4))
            #expect(try await log.read().texts == ["1", "2", "3", "4"])
        }
    }

    @Test(arguments: ["spublish", "xadd"])
    func `A log whose first message is refused is not there afterwards`(command: String) async throws {
        try await ScriptedLog.run { log in
            log.server.command("ACL", "SETUSER", "default", "-\(command)")
            await #expect(throws: RedisScriptError.self) { try await log.publish("refused") }
            #expect(!log.hasLog && !log.hasHead)
            log.server.command("ACL", "SETUSER", "default", "+\(command)")
            try await log.publish(1...3)
            // As when it expires.
            log.server.command("DEL", log.keys.log)
            log.server.command("ACL", "SETUSER", "default", "-\(command)")
            await #expect(throws: RedisScriptError.self) { try await log.publish("refused") }
            #expect(!log.hasLog)
            log.server.command("ACL", "SETUSER", "default", "+\(command)")
            #expect(try await log.publish("4", epoch: "another1") == .init(epoch: "epoch--1", offset: 4))
        }
    }

    @Test
    func `Out of memory, the oldest messages make room for the next: offsets and epoch go on`() async throws {
        try await ScriptedLog.run { log in
            let large = String(repeating: "x", count: 10_000)
            for _ in 0..<100 { _ = try await log.publish(large) }
            log.server.command("CONFIG", "SET", "maxmemory", "1")
            for number in 101...110 {
                #expect(try await log.publish(large, epoch: "another1") == .init(epoch: "epoch--1", offset: Int64(number)))
            }
            let page = try await log.read()
            #expect(page.entries.count < 100 && page.offsets.last == 110)
            #expect(page.offsets == Array((page.offsets.first ?? 0)...110) && page.head?.beginning == .fresh)
        }
    }

    @Test
    func `Where no message can make room, the epoch ends, and the message goes out without a place`() async throws {
        try await ScriptedLog.run { log in
            try await log.publish(1...3)
            log.server.command("CONFIG", "SET", "maxmemory", "1")
            for number in 2...4 {
                #expect(try await log.publish("lost", epoch: "epoch--\(number)") == .init(epoch: "", offset: 0))
                let page = try await log.read(epoch: "epoch--1", from: "4")
                #expect(page.head?.name == "epoch--\(number)" && page.head?.beginning == .afterLoss && page.head?.offset == 0)
                #expect(page.entries.isEmpty && !log.hasLog)
            }
            log.server.command("CONFIG", "SET", "maxmemory", "0")
            #expect(try await log.publish("kept", epoch: "another1") == .init(epoch: "epoch--4", offset: 1))
            let page = try await log.read(epoch: "epoch--1", from: "4")
            #expect(page.texts == ["kept"] && page.head?.beginning == .afterLoss)
        }
    }
}
