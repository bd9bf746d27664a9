import DequeModule
import NIOCore
import VolaryProtocol

/// Published messages without a sequence: those that the broker's loop has not taken yet, because it is busy or much is waiting
/// for Redis. A second inbox has those that wait for a subscription.
///
/// **Fair queueing.** Each sender's messages keep their order. Senders take turns with one message each. A sender with
/// thousands of messages delays only its own messages, and thousands of senders delay another sender's message by one round. So
/// an announcement of the node may overtake messages of a client.
///
/// Senders share the capacity: see ``QueueRoom``. The outbox checks the same rule again, because it has a quarter of the bytes
/// while the link is down. In that case nothing stays in the inbox: this node's receiver gets messages at once, and the outbox
/// refuses those that it has no room for.
struct PublishInbox: Sendable {
    /// Maximum of messages per turn: 256. The loop does other work between turns.
    static let turnMessages = 256
    /// Maximum of bytes per turn, including ``Outbox/overheadBytes`` for each message: 1 MiB, or one message.
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
    /// Queues by sender. Senders without messages have no entry.
    private var queues: [MessageSender: Queue] = [:]
    /// The same senders in the order of their turns.
    private var turns = Deque<MessageSender>()
    private var bytes = 0
    private(set) var count = 0

    /// - Parameters:
    ///   - maximumBytes: maximum of payload bytes, including ``Outbox/overheadBytes`` for each message. An empty inbox accepts
    ///     one message of any size.
    ///   - maximumMessages: maximum of messages.
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
        let room = QueueRoom(bytes: self.maximumBytes - self.bytes, messages: self.count, maximumMessages: self.maximumMessages)
        return room.admits(size, of: sender, having: self.queues[sender]?.bytes ?? 0)
    }

    /// Removes and returns all messages.
    mutating func take() -> [PublishRequest] {
        var all: [PublishRequest] = []
        all.reserveCapacity(self.count)
        while let next = self.takeNext() { all.append(next) }
        return all
    }

    /// Removes and returns the messages of one turn.
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
        // In place, with one lookup of the sender and without a copy of its queue.
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
