import NIOCore
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Polls and their answers. Each row of SignalR's contract is a test.
struct LongPollTransportTests {
    private typealias Answer = EmbeddedLongPoll.Answer

    @Test func `The first poll is answered at once and empty, and the next one gets what waits`() {
        let client = EmbeddedLongPoll()
        client.send("a")
        client.poll(1)
        #expect(client.answers == [Answer(poll: 1, outcome: .data)])
        client.poll(2)
        #expect(client.answers.last == Answer(poll: 2, outcome: .data, text: "a"))
    }

    @Test func `The first message, which is the answer to the handshake, stands alone, and later ones leave together`() {
        let client = EmbeddedLongPoll()
        client.poll(1)
        for text in ["{}", "a", "b"] { client.send(text) }
        client.poll(2)
        client.written(2)
        client.poll(3)
        #expect(client.answers.map(\.text) == ["", "{}", "ab"])
    }

    @Test func `A poll that waits gets all that is written in a turn of the event loop`() {
        let client = EmbeddedLongPoll()
        client.poll(1)
        client.send("{}")
        client.poll(2)
        client.written(2)
        client.poll(3)
        client.send("a")
        client.send("b")
        #expect(client.answers.count == 2)
        client.run()
        #expect(client.answers.last == Answer(poll: 3, outcome: .data, text: "ab"))
    }

    @Test func `An answer has at most 64 KiB, and a message is never divided`() {
        let client = EmbeddedLongPoll()
        client.poll(1)
        client.send("{}")
        client.poll(2)
        client.written(2)
        let texts = [40_000, 20_000, 10_000, 100_000].map { String(repeating: "x", count: $0) }
        for text in texts { client.send(text) }
        for number in 3...5 {
            client.poll(number)
            client.written(number)
        }
        #expect(client.answers.suffix(3).map(\.text.count) == [60_000, 10_000, 100_000])
    }

    @Test func `A poll without messages waits for 90 seconds`() {
        let client = EmbeddedLongPoll()
        client.poll(1)
        client.poll(2)
        client.advance(.seconds(89))
        #expect(client.answers.count == 1)
        client.advance(.seconds(1))
        #expect(client.answers.last == Answer(poll: 2, outcome: .data))
        #expect(client.ending == nil)
    }

    @Test func `A second poll ends the first one at once, and gets the messages`() {
        let client = EmbeddedLongPoll()
        client.poll(1)
        client.poll(2)
        client.poll(3)
        #expect(client.answers.last == Answer(poll: 2, outcome: .over))
        client.send("a")
        client.run()
        #expect(client.answers.last == Answer(poll: 3, outcome: .data, text: "a"))
    }

    @Test func `A poll beside an answer that is under way waits until that is written`() {
        let client = EmbeddedLongPoll()
        client.poll(1)
        client.send("a")
        client.poll(2)
        client.send("b")
        client.poll(3)
        client.run()
        #expect(client.answers.count == 2)
        client.poll(4)
        #expect(client.answers.last == Answer(poll: 3, outcome: .over))
        client.written(2)
        #expect(client.answers.last == Answer(poll: 4, outcome: .data, text: "b"))
    }

    @Test func `After the end the client gets what is left, then 204, and then there is no connection`() {
        let client = EmbeddedLongPoll()
        client.poll(1)
        client.send("a")
        client.connection.close(code: .normal, reason: "")
        #expect(!client.send("b"))
        client.poll(2)
        #expect(client.answers.last == Answer(poll: 2, outcome: .data, text: "a"))
        client.written(2)
        client.poll(3)
        client.run()
        #expect(client.answers.last == Answer(poll: 3, outcome: .over))
        #expect(client.ending == TransportEnding(code: .normal, side: .server))
        client.poll(4)
        #expect(client.answers.last == Answer(poll: 4, outcome: .unknown))
        #expect(client.releases == 1)
    }

    @Test func `The end answers a poll that waits`() {
        let client = EmbeddedLongPoll()
        client.poll(1)
        client.poll(2)
        client.connection.close(code: .normal, reason: "")
        client.run()
        #expect(client.answers.last == Answer(poll: 2, outcome: .over))
        #expect(client.ending != nil)
    }

    @Test func `A client that does not fetch the end is not waited for`() {
        let client = EmbeddedLongPoll()
        client.poll(1)
        client.send("a")
        client.connection.close(code: .normal, reason: "")
        client.advance(.seconds(4))
        #expect(client.ending == nil)
        client.advance(.seconds(1))
        #expect(client.ending == TransportEnding(code: .normal, side: .server))
    }

    @Test func `DELETE ends the connection as the client's wish, and answers its poll with 204`() {
        let client = EmbeddedLongPoll()
        client.poll(1)
        client.poll(2)
        #expect(client.delete() == .deleted)
        client.run()
        #expect(client.answers.last == Answer(poll: 2, outcome: .over))
        #expect(client.ending == TransportEnding(code: .normal, side: .client))
        client.poll(3)
        #expect(client.answers.last == Answer(poll: 3, outcome: .unknown))
    }

    @Test func `Without a poll for 15 seconds the connection ends`() {
        let never = EmbeddedLongPoll()
        let client = EmbeddedLongPoll()
        client.poll(1)
        for number in 2...4 {
            client.advance(.seconds(14))
            client.poll(number)
            client.abandon(number)
        }
        #expect(client.ending == nil)
        client.advance(.seconds(15))
        #expect(client.ending == TransportEnding(code: nil, side: .client))
        never.advance(.seconds(15))
        #expect(never.ending == TransportEnding(code: nil, side: .client))
        #expect(never.releases == 1)
    }

    @Test func `A poll whose client is gone takes no messages along`() {
        let client = EmbeddedLongPoll()
        client.poll(1)
        client.poll(2)
        client.abandon(2)
        #expect(client.answers.last == Answer(poll: 2, outcome: .over))
        client.send("a")
        client.run()
        client.poll(3)
        #expect(client.answers.last == Answer(poll: 3, outcome: .data, text: "a"))
        // Too late.
        client.abandon(3)
        client.abandon(2)
        client.written(3)
        #expect(client.ending == nil)
    }

    @Test(arguments: [true, false])
    func `An answer that is not written ends the connection, told or not`(isTold: Bool) throws {
        let client = EmbeddedLongPoll()
        client.poll(1)
        let written = client.loop.makePromise(of: Void.self)
        client.connection.send(ByteBuffer(string: "a"), written: written)
        client.poll(2)
        if isTold { client.written(2, false) } else { client.advance(.seconds(10)) }
        client.run()
        #expect(client.ending == TransportEnding(code: nil, side: .client))
        #expect(throws: ChannelError.self) { try written.futureResult.wait() }
    }

    @Test func `What is written is told once the answer is with the client, and a ping behind it, too`() {
        let client = EmbeddedLongPoll()
        client.poll(1)
        var told: [String] = []
        let written = client.loop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in told.append("message") }
        client.connection.send(ByteBuffer(string: "a"), written: written)
        client.transport.ping { told.append("ping") }
        #expect(client.transport.unsentBytes == 1)
        client.poll(2)
        client.transport.ping { told.append("second") }
        #expect(told == [] && client.transport.unsentBytes == 1)
        client.written(2)
        #expect(told == ["message", "ping", "second"] && client.transport.unsentBytes == 0)
        client.transport.ping { told.append("last") }
        #expect(told.last == "last")
    }

    @Test func `A connection that is cut fails its poll`() {
        let client = EmbeddedLongPoll()
        client.poll(1)
        client.poll(2)
        client.send("a")
        client.connection.close(.cut)
        client.run()
        #expect(client.answers.last == Answer(poll: 2, outcome: .failed))
        #expect(client.ending == TransportEnding(code: nil, side: .server))
    }

    @Test func `A client that polls too seldom for what it gets is a slow consumer`() {
        let client = EmbeddedLongPoll(maximumUnsentBytes: 1000)
        client.poll(1)
        let text = String(repeating: "x", count: 600)
        #expect(client.send(text))
        #expect(client.send(text))
        #expect(!client.send(text))
        #expect(client.violations == [.unsentBytes])
        client.poll(2)
        client.written(2)
        client.poll(3)
        client.written(3)
        client.poll(4)
        client.run()
        #expect(client.answers.last?.outcome == .over)
    }

    @Test func `The connection ends with the token that opened it`() {
        let client = EmbeddedLongPoll(expiresAt: 10_000)
        client.poll(1)
        client.poll(2)
        client.advance(.seconds(9))
        #expect(client.connection.isOpen)
        client.advance(.seconds(1))
        client.run()
        #expect(client.ending == TransportEnding(code: .unauthorized, side: .server))
    }
}
