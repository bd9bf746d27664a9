import NIOCore
import Testing
import VolaryProtocol

@testable import VolaryNode

/// What a client sends by requests of their own.
struct PostedInputTests {
    @Test func `A post before the first poll is handled, and posts are handled in order`() {
        let client = EmbeddedLongPoll()
        var answers: [TransportAnswer.Outcome] = []
        for text in ["a", "b", "c"] { client.post(text) { answers.append($0) } }
        #expect(client.messages == ["a", "b", "c"])
        #expect(answers == [.taken, .taken, .taken])
    }

    @Test func `An empty post has no effect`() {
        let client = EmbeddedLongPoll()
        var answer: TransportAnswer.Outcome?
        client.post("") { answer = $0 }
        #expect(answer == .taken && client.messages == [])
    }

    @Test func `A post waits while more than 64 KiB of the client are not handled`() {
        let client = EmbeddedLongPoll(finishes: false)
        for _ in 0..<UnfinishedActions.maximum { client.post("x") }
        var answers: [Int] = []
        let body = String(repeating: "y", count: 40_000)
        for number in 1...3 { client.post(body) { _ in answers.append(number) } }
        #expect(client.messages.count == UnfinishedActions.maximum)
        #expect(answers == [1])
        while client.messages.count < UnfinishedActions.maximum + 3 { client.finish() }
        #expect(answers == [1, 2, 3])
        #expect(client.messages.suffix(3) == [body, body, body])
    }

    @Test func `No more than 16 posts wait, and no more than 1 MiB`() {
        let client = EmbeddedLongPoll(finishes: false)
        for _ in 0..<UnfinishedActions.maximum { client.post("x") }
        client.post(String(repeating: "y", count: PostedInput.unreadBytes + 1))
        for _ in 1..<PostedInput.maximumWaiting { client.post("z") }
        var answer: TransportAnswer.Outcome?
        client.post("z") { answer = $0 }
        #expect(answer == .tooMany)

        let large = EmbeddedLongPoll(finishes: false)
        for _ in 0..<UnfinishedActions.maximum { large.post("x") }
        large.post(String(repeating: "y", count: PostedInput.maximumBytes + 1))
        large.post("z") { answer = $0 }
        #expect(answer == .tooMany)
    }

    @Test func `What waits is dropped with the connection, and its posts are answered`() {
        let client = EmbeddedLongPoll(finishes: false)
        for _ in 0..<UnfinishedActions.maximum { client.post("x") }
        var answers: [TransportAnswer.Outcome] = []
        for _ in 1...2 { client.post(String(repeating: "y", count: 100_000)) { answers.append($0) } }
        #expect(answers == [])
        _ = client.delete()
        #expect(answers == [.taken, .taken])
        client.run()
        #expect(client.ending != nil && client.messages.count == UnfinishedActions.maximum)
    }

    @Test func `Posts are not handled while the client does not fetch its messages`() {
        let client = EmbeddedLongPoll()
        client.poll(1)
        client.send(String(repeating: "x", count: PostedInput.unreadBytes + 1))
        client.post("a")
        #expect(client.messages == [])
        client.poll(2)
        client.written(2)
        #expect(client.messages == ["a"])
    }

    @Test func `A request with the token of another user is refused, whatever it asks for`() {
        let client = EmbeddedLongPoll()
        var answer: TransportAnswer.Outcome?
        client.post("a", user: AudienceName("mallory")) { answer = $0 }
        #expect(answer == .otherUser && client.messages == [])
    }
}
