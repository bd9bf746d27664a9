import NIOCore
import Protocol
import Testing

@testable import Backplane

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

    @Test
    func `One message of any size has room alone`() {
        var inbox = PublishInbox(maximumBytes: 10)
        let first = inbox.append(self.request(1000))
        let second = inbox.append(self.request(1))
        #expect(first && !second)
    }
}
