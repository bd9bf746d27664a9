import Logging
import NIOCore
import VolaryProtocol

@testable import VolaryBackplane

enum RepliesFuzz {
    /// The replies, and whether there is an error, do not depend on how the bytes are split; decoded replies can be encoded and
    /// decoded again; and the code that interprets answers accepts any of them.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        let (whole, parts) = parts(of: input)
        let (values, isBroken) = self.decode([whole])
        let cut = self.decode(parts)
        try hold(cut.values == values, "split: \(cut.values), whole: \(values)")
        try hold(cut.isBroken == isBroken, "an error when split: \(cut.isBroken), whole: \(isBroken)")
        let again = self.decode([values.flatMap(self.bytes)[...]])
        try hold(again.values == values && !again.isBroken, "\(values) is decoded as \(again.values)")
        for value in values { try self.interpret(value) }
    }

    static func decode(_ parts: [ArraySlice<UInt8>]) -> (values: [RESPValue], isBroken: Bool) {
        let decoder = RESPDecoder()
        var values: [RESPValue] = []
        for part in parts {
            do {
                try decoder.decode(ByteBuffer(bytes: part), into: &values)
            } catch {
                return (values, true)
            }
        }
        return (values, false)
    }

    /// As Redis encodes it.
    static func bytes(_ value: RESPValue) -> [UInt8] {
        switch value {
        case .status(let text): Array("+\(text)\r\n".utf8)
        case .error(let text): Array("-\(text)\r\n".utf8)
        case .integer(let number): Array(":\(number)\r\n".utf8)
        case .bulk(let content): Array("$\(content.readableBytes)\r\n".utf8) + Array(buffer: content) + [13, 10]
        case .array(let elements): Array("*\(elements.count)\r\n".utf8) + elements.flatMap(self.bytes)
        case .null: Array("$-1\r\n".utf8)
        }
    }

    private static let quiet = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }

    private static func interpret(_ value: RESPValue) throws(FuzzFailure) {
        let decoder = RedisPresenceDecoder(logger: self.quiet)
        let node = NodeID(rawValue: 1)
        let id = ConnectionID.random(on: node)
        _ = try? decoder.leaseState(value)
        _ = try? decoder.registration(value)
        _ = try? decoder.changesMade(value, of: 3)
        _ = try? decoder.nodes(value)
        _ = try? decoder.deadLeases(value)
        _ = try? decoder.hubs(value)
        _ = try? decoder.count(value)
        _ = try? decoder.buried(value, node, connections: [:])
        _ = try? decoder.leases(value)
        let lease = (try? decoder.lease(value))?.status
        if let answers = try? decoder.connectionIDs(value, of: value.elements?.count ?? 0) {
            for case .ids(let count, let texts) in answers {
                try hold((0...Int(Int32.max)).contains(count), "\(count) connections")
                _ = decoder.ids(texts)
            }
        }
        _ = try? decoder.records(value, of: Array(repeating: id, count: value.elements?.count ?? 0), in: .default)
        if let lease { _ = try? decoder.connection(id, in: .default, value, lease: lease) }
        if let elements = value.elements { _ = RedisPush(elements) }
        _ = (SentinelAnswer.address(value), SentinelAnswer.epoch(value), RedisRole(value), RedisVersion(value))
        if case .error(let text) = value { try hold(RedisErrorText.loggable(text).count <= 160, "a line of \(text.count)") }
        _ = HistoryReply(value, of: .default)
        guard let page = LogPage(value) else { return }
        let offsets = page.entries.map(\.offset)
        try hold(zip(offsets, offsets.dropFirst()).allSatisfy(<), "offsets \(offsets)")
        try hold(offsets.allSatisfy { LogPosition.offsets.contains($0) && $0 <= page.head?.offset ?? 0 }, "offsets \(offsets)")
    }

    static var seeds: [[UInt8]] {
        let record = #"{"id":"01020304","name":"a","version":"1","startedAt":1,"leaseMilliseconds":5000}"#
        let details = #"{"protocol":"plain","connectedAt":1,"user":"ann","groups":["red"]}"#
        func bulk(_ text: String) -> String { "$\(text.utf8.count)\r\n\(text)\r\n" }
        let id = "0123456789abcdef0123456701020304"
        return [
            "+OK\r\n", "-ERR no\r\n", ":42\r\n", "$5\r\nhello\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n", "*2\r\n:1\r\n*1\r\n+x\r\n",
            "*3\r\n$8\r\nsmessage\r\n$26\r\nvolary:2:h:{default}:t:all\r\n$3\r\nxyz\r\n",
            "*3\r\n$10\r\nssubscribe\r\n$3\r\nall\r\n:1\r\n",
            "*268435456\r\n", "$9223372036854775807\r\n", ">2\r\n:1\r\n:2\r\n", "%1\r\n+a\r\n+b\r\n",
            "*2\r\n:1000\r\n*4\r\n\(bulk("01020304"))\(bulk(record)):3\r\n:2000\r\n",
            "*4\r\n:1000\r\n\(bulk("a"))\(bulk(record)):500\r\n",
            "*1\r\n*5\r\n\(bulk("01020304"))\(bulk("a")):1\r\n:0\r\n\(bulk("1800000000000000"))",
            "*6\r\n\(bulk("01020304"))\(bulk("a")):1\r\n:0\r\n\(bulk("1800000000000000")):5000\r\n",
            "*5\r\n:0\r\n*0\r\n*0\r\n\(bulk("1800000000000000"))*2\r\n\(bulk("01020304"))\(bulk("1"))",
            "*2\r\n\(bulk("default"))\(bulk("1800000000000000"))", "*2\r\n\(bulk(details))$-1\r\n",
            "*3\r\n*2\r\n:2\r\n*2\r\n\(bulk(id))\(bulk("no id")):1\r\n:0\r\n",
            "*2\r\n\(bulk("1800000000000000"))\(bulk(details))",
            "*5\r\n\(bulk("epoch--1")):3\r\n:0\r\n:0\r\n*4\r\n:2\r\n\(bulk("x")):3\r\n\(bulk("y"))",
            "*7\r\n:9\r\n:3\r\n\(bulk("")):3\r\n:1\r\n:0\r\n*3\r\n:2\r\n:9\r\n\(bulk("x"))",
        ].map { [77] + Array($0.utf8) }
    }
}
