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

    /// What a client says, or for nil a REST caller.
    private func request(_ text: String, of client: ConnectionID?) -> PublishRequest {
        let id = PublicationID.random(on: NodeID(rawValue: 1))
        let publication = Publication(
            id: id,
            kind: client == nil ? .serverBroadcast : .message,
            sender: client,
            audience: .all,
            dataType: .text,
            timestamp: 0,
            confirmation: .none,
            payload: ByteBuffer(string: text)
        )
        return PublishRequest(message: .publication(publication), topic: .all, completion: nil)
    }

    private func texts(_ requests: [PublishRequest]) -> [String] {
        requests.map { request in
            guard case .publication(let publication) = request.message else { return "" }
            return String(buffer: publication.payload)
        }
    }

    private func inbox(
        _ requests: [PublishRequest],
        maximumBytes: Int = .max,
        maximumMessages: Int = 65_536
    ) -> (PublishInbox, taken: Int) {
        var inbox = PublishInbox(maximumBytes: maximumBytes, maximumMessages: maximumMessages)
        var taken = 0
        for request in requests where inbox.append(request) { taken += 1 }
        return (inbox, taken)
    }

    private func clients(_ count: Int) -> [ConnectionID] { (0..<count).map { _ in .random(on: NodeID(rawValue: 1)) } }

    @Test func `Senders take turns, and each one's messages keep their order`() {
        let clients = self.clients(3)
        let said = [(0, "00"), (1, "10"), (2, "20"), (0, "01"), (1, "11"), (0, "02"), (1, "12")]
        var (inbox, _) = self.inbox(said.map { self.request($1, of: clients[$0]) } + [self.request("push", of: nil)])
        let turn = self.texts(inbox.takeTurn())
        #expect(turn == ["00", "10", "20", "push", "01", "11", "02", "12"])
        let rest = inbox.takeTurn()
        #expect(inbox.count == 0 && rest.isEmpty)
    }

    @Test func `A push waits one round of senders, however much each of them has`() {
        let said = self.clients(400).flatMap { client in (0..<64).map { _ in self.request("x", of: client) } }
        var (inbox, taken) = self.inbox(said + [self.request("push", of: nil)])
        let order = self.texts(inbox.take())
        #expect(taken == 25_601 && order.count == taken && order.firstIndex(of: "push") == 400)
    }

    @Test func `However many clients send, there is room for callers and for the node`() {
        let said = self.clients(20).flatMap { client in (0..<64).map { _ in self.request("x", of: client) } }
        #expect(self.inbox(said, maximumMessages: 1000).taken == 750)
        #expect(self.inbox(said + [self.request("push", of: nil), self.request(1)], maximumMessages: 1000).taken == 752)
    }

    @Test func `One client has no more than an eighth of the bytes that are left`() {
        let size = 1000 + Outbox<Void>.overheadBytes
        let text = String(repeating: "x", count: 1000)
        let clients = self.clients(2)
        let said = (0..<90).map { _ in self.request(text, of: clients[0]) }
        #expect(self.inbox(said, maximumBytes: 90 * size).taken == 10)
        let others = [self.request(text, of: clients[1]), self.request(text, of: nil)]
        #expect(self.inbox(said + others, maximumBytes: 90 * size).taken == 12)
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
