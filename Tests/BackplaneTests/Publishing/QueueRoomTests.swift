import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// How senders share a queue.
struct QueueRoomTests {
    private let client = MessageSender.client(.random(on: NodeID(rawValue: 1)))

    private func room(_ bytes: Int = 800, messages: Int = 0, clientBytes: Int = .max) -> QueueRoom {
        QueueRoom(bytes: bytes, messages: messages, maximumMessages: 100, clientBytes: clientBytes)
    }

    @Test func `A client's first message may take half of the bytes, all that it has then an eighth`() {
        #expect(self.room().admits(400, of: self.client, having: 0) && !self.room().admits(401, of: self.client, having: 0))
        #expect(self.room().admits(50, of: self.client, having: 50) && !self.room().admits(51, of: self.client, having: 50))
        let bounded = self.room(clientBytes: 60)
        #expect(bounded.admits(10, of: self.client, having: 50) && !bounded.admits(11, of: self.client, having: 50))
    }

    @Test func `REST callers together get half of the bytes, the node all of them`() {
        #expect(self.room().admits(800, of: .callers, having: 0))
        #expect(self.room().admits(100, of: .callers, having: 700) && !self.room().admits(101, of: .callers, having: 700))
        #expect(self.room().admits(800, of: .node, having: 10_000) && !self.room().admits(801, of: .node, having: 0))
    }

    @Test func `Clients leave a quarter of the messages to others`() {
        #expect(self.room(messages: 74).admits(1, of: self.client, having: 0))
        for sender in [MessageSender.callers, .node] {
            #expect(!self.room(messages: 75).admits(1, of: self.client, having: 0))
            #expect(self.room(messages: 99).admits(1, of: sender, having: 0))
            #expect(!self.room(messages: 100).admits(1, of: sender, having: 0))
        }
    }
}
