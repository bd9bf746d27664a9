import DequeModule
import NIOCore
import VolaryProtocol

/// What has been published and has no sequence yet: what the broker's loop has not looked at, what does not go on because much waits for Redis
/// already, and what waits for a subscription.
///
/// **Fair queueing.** Each sender's messages keep their order. Senders take turns, one message each: one that has thousands waiting delays
/// itself, and thousands of senders delay another's message by one round. So an announcement of the node may pass messages of a client.
///
/// **Shares.** A client that has messages here gets another one in only while it has less than an eighth of the room that is left, and clients
/// together leave a quarter of the messages to REST callers and to the node itself.
struct PublishInbox: Sendable {
    /// Messages that leave together: 256. The loop has other things to do between.
    static let turnMessages = 256
    /// Bytes of them, counted as below: 1 MiB, or one message.
    static let turnBytes = 1024 * 1024

    private struct Queue {
        private(set) var requests = Deque<PublishRequest>()
        private(set) var bytes = 0

        mutating func append(_ request: PublishRequest) {
            self.requests.append(request)
            self.bytes += request.size
        }

        mutating func removeFirst() -> PublishRequest {
            let request = self.requests.removeFirst()
            self.bytes -= request.size
            return request
        }
    }

    private let maximumBytes: Int
    private let maximumMessages: Int
    /// Of those senders that have any.
    private var queues: [MessageSender: Queue] = [:]
    /// The same senders; whose turn it is stands first.
    private var turns = Deque<MessageSender>()
    private var bytes = 0
    private(set) var count = 0

    /// - Parameters:
    ///   - maximumBytes: payloads, with ``Outbox/overheadBytes`` for each message; one message of any size may wait alone.
    ///   - maximumMessages: how many may wait.
    init(maximumBytes: Int, maximumMessages: Int = 65_536) {
        self.maximumBytes = maximumBytes
        self.maximumMessages = maximumMessages
    }

    /// - Returns: whether there was room.
    mutating func append(_ request: PublishRequest) -> Bool {
        let (size, sender) = (request.size, request.message.sender)
        guard self.count == 0 || self.hasRoom(size, of: sender) else { return false }
        self.bytes += size
        self.count += 1
        if self.queues[sender] == nil { self.turns.append(sender) }
        self.queues[sender, default: Queue()].append(request)
        return true
    }

    private func hasRoom(_ size: Int, of sender: MessageSender) -> Bool {
        let room = self.maximumBytes - self.bytes
        guard size <= room, self.count < self.maximumMessages else { return false }
        guard case .client = sender else { return true }
        guard self.count < self.maximumMessages - self.maximumMessages / 4 else { return false }
        guard let own = self.queues[sender]?.bytes else { return size <= room / 2 }
        return own + size <= room / 8
    }

    /// Empties it.
    mutating func take() -> [PublishRequest] {
        var all: [PublishRequest] = []
        all.reserveCapacity(self.count)
        while let next = self.takeNext() { all.append(next) }
        return all
    }

    /// Takes the next of them, as many as one turn of the loop may have.
    mutating func takeTurn() -> [PublishRequest] {
        var turn: [PublishRequest] = []
        var bytes = 0
        while turn.count < Self.turnMessages, let size = self.next?.size, turn.isEmpty || bytes + size <= Self.turnBytes,
            let next = self.takeNext()
        {
            turn.append(next)
            bytes += size
        }
        return turn
    }

    private var next: PublishRequest? { self.turns.first.flatMap { self.queues[$0]?.requests.first } }

    private mutating func takeNext() -> PublishRequest? {
        guard let sender = self.turns.popFirst(), let index = self.queues.index(forKey: sender) else { return nil }
        // In place: one look for the sender, and no copy of its queue.
        let request = self.queues.values[index].removeFirst()
        if self.queues.values[index].requests.isEmpty {
            self.queues.remove(at: index)
        } else {
            self.turns.append(sender)
        }
        self.bytes -= request.size
        self.count -= 1
        return request
    }
}
