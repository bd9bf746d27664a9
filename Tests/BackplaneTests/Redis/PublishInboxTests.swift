import NIOCore
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// What is published between two turns of the broker's loop.
@Suite
struct PublishInboxTests {
    private func request(_ bytes: Int) -> PublishRequest {
        let text = String(repeating: "x", count: bytes)
        return PublishRequest(message: .text(text, from: NodeID.random()), topic: .all, completion: nil)
    }

    @Test
    func `It is bounded in bytes, with 256 for each message`() {
        var inbox = PublishInbox(maximumBytes: 3 * (100 + Outbox<Void>.overheadBytes))
        for count in 1...3 {
            let hadRoom = inbox.append(self.request(100))
            #expect(hadRoom && inbox.count == count)
        }
        let hadRoom = inbox.append(self.request(0))
        #expect(!hadRoom && inbox.count == 3)
        #expect(inbox.take().count == 3)
        let hasRoom = inbox.append(self.request(100))
        #expect(hasRoom && inbox.count == 1)
    }

    @Test func `It is bounded in messages`() {
        var inbox = PublishInbox(maximumBytes: .max, maximumMessages: 2)
        let rooms = (0..<3).map { _ in inbox.append(self.request(0)) }
        #expect(rooms == [true, true, false])
    }

    @Test func `A turn takes 256 messages or 1 MiB of them, in their order`() {
        var inbox = PublishInbox(maximumBytes: .max)
        for _ in 0..<260 { _ = inbox.append(self.request(1)) }
        #expect(inbox.takeTurn().count == 256 && inbox.count == 4)
        for _ in 0..<5 { _ = inbox.append(self.request(256 * 1024)) }
        #expect(inbox.takeTurn().count == 4 + 3 && inbox.count == 2)
        _ = inbox.takeTurn()
        _ = inbox.append(self.request(5 * 1024 * 1024))
        _ = inbox.append(self.request(7))
        #expect(inbox.takeTurn().map(\.message.payloadBytes) == [5 * 1024 * 1024])
        #expect(inbox.takeTurn().map(\.message.payloadBytes) == [7] && inbox.takeTurn().isEmpty)
    }

    @Test
    func `One message of any size has room alone`() {
        var inbox = PublishInbox(maximumBytes: 10)
        let first = inbox.append(self.request(1000))
        let second = inbox.append(self.request(1))
        #expect(first && !second)
    }
}
