import NIOCore
import Testing

@testable import VolaryBackplane

struct SentinelQuorumTests {
    private let start = NIODeadline.uptimeNanoseconds(1)
    private let old = RedisAddress(host: "10.0.0.1", port: 6379)
    private let new = RedisAddress(host: "10.0.0.2", port: 6379)
    private let wrong = RedisAddress(host: "10.0.0.9", port: 1)

    private func candidates(_ reports: [(RedisAddress, Int64)?], known: Int64? = nil) -> [RedisAddress] {
        var quorum = SentinelQuorum(count: reports.count)
        for (index, report) in reports.enumerated() {
            quorum[index] = report.map { .init(master: $0.0, epoch: $0.1) }
        }
        return quorum.candidates(known: known, at: self.start).map(\.master)
    }

    @Test func `What all say is the only candidate`() {
        #expect(self.candidates([(self.old, 1), (self.old, 1), (self.old, 1)]) == [self.old])
        #expect(self.candidates([nil, nil, nil]) == [])
    }

    @Test func `A newer fail over goes before an older one where no majority answers`() {
        #expect(self.candidates([(self.old, 4), (self.new, 5), nil]) == [self.new, self.old])
        #expect(self.candidates([(self.new, 5), (self.old, 4), nil]) == [self.new, self.old])
    }

    @Test func `A majority goes before one that claims to be newer`() {
        #expect(self.candidates([(self.new, 5), (self.wrong, 999), (self.new, 5)], known: 4) == [self.new, self.wrong])
        #expect(self.candidates([(self.old, 4), (self.old, 4), (self.new, 5)], known: 4) == [self.old, self.new])
    }

    @Test func `One Sentinel that was cut off does not bring back the past`() {
        #expect(self.candidates([nil, nil, (self.old, 4)], known: 5) == [])
        #expect(self.candidates([(self.new, 5), nil, (self.old, 4)], known: 5) == [self.new])
    }

    @Test func `Most sentinels have to insist on what is older`() {
        var quorum = SentinelQuorum(count: 3)
        func candidates(at seconds: Int64) -> [RedisAddress] {
            quorum.candidates(known: 7, at: self.start + .seconds(seconds)).map(\.master)
        }
        for index in 0...1 { quorum[index] = .init(master: self.old, epoch: 0) }
        #expect(candidates(at: 0) == [])
        #expect(candidates(at: 9) == [])
        #expect(candidates(at: 10) == [self.old])
        // One of them has heard of the fail-over.
        quorum[1] = .init(master: self.new, epoch: 7)
        #expect(candidates(at: 11) == [self.new])
        quorum[1] = .init(master: self.old, epoch: 0)
        #expect(candidates(at: 12) == [])
        #expect(candidates(at: 21) == [])
        #expect(candidates(at: 22) == [self.old])
        #expect(self.candidates([(self.new, 0), nil, nil], known: 7) == [])
    }

    @Test func `The newest epoch of a server counts`() {
        var quorum = SentinelQuorum(count: 2)
        quorum[0] = .init(master: self.new, epoch: 3)
        quorum[1] = .init(master: self.new, epoch: 5)
        #expect(quorum.candidates(known: nil, at: self.start) == [.init(master: self.new, epoch: 5)])
        quorum[1] = nil
        #expect(quorum.candidates(known: nil, at: self.start) == [.init(master: self.new, epoch: 3)])
    }
}

struct SentinelAnswerTests {
    private func bulk(_ text: String) -> RESPValue { .bulk(ByteBuffer(string: text)) }

    @Test func `An address is two texts`() {
        #expect(
            SentinelAnswer.address(.array([self.bulk("10.0.0.1"), self.bulk("6380")]))
                == RedisAddress(host: "10.0.0.1", port: 6380)
        )
        #expect(SentinelAnswer.address(.array([self.bulk("::1"), self.bulk("1")])) == RedisAddress(host: "::1", port: 1))
        let wrong: [RESPValue] = [
            .null, .array([]), .status("OK"), .array([self.bulk("h")]), .array([self.bulk("h"), self.bulk("0")]),
            .array([self.bulk("h"), self.bulk("65536")]), .array([self.bulk("h"), self.bulk("x")]),
            .array([.null, self.bulk("1")]),
            .array([self.bulk(""), self.bulk("1")]), .array([self.bulk("h h"), self.bulk("1")]),
            .array([self.bulk("h\u{0}"), self.bulk("1")]),
            .array([self.bulk(String(repeating: "h", count: 256)), self.bulk("1")]),
            .array([self.bulk("h"), .integer(1)]), .array([self.bulk("h"), self.bulk("1"), self.bulk("2")]),
        ]
        for value in wrong { #expect(SentinelAnswer.address(value) == nil) }
    }

    @Test func `The epoch is found by its name`() {
        let name = self.bulk("config-epoch")
        #expect(SentinelAnswer.epoch(.array([self.bulk("name"), name, name, self.bulk("12")])) == 12)
        let wrong: [RESPValue] = [
            .null, .array([]), .error("ERR No such master with that name"), .array([name]), .array([name, .null]),
            .array([name, self.bulk("-1")]), .array([name, self.bulk("99999999999999999999")]), .array([self.bulk("1"), name]),
        ]
        for value in wrong { #expect(SentinelAnswer.epoch(value) == nil) }
    }
}
