import NIOCore
import VolaryProtocol

/// What has been published and has no sequence yet, in the order in which it will get one: what the broker's loop has not looked at, and what
/// waits for a subscription.
struct PublishInbox: Sendable {
    /// Messages that leave together: 256. The loop has other things to do between.
    static let turnMessages = 256
    /// Bytes of them, counted as below: 1 MiB, or one message.
    static let turnBytes = 1024 * 1024

    private let maximumBytes: Int
    private let maximumMessages: Int
    private var requests = CircularBuffer<PublishRequest>()
    private var bytes = 0

    /// - Parameters:
    ///   - maximumBytes: payloads, with ``Outbox/overheadBytes`` for each message; one message of any size may wait alone.
    ///   - maximumMessages: how many may wait.
    init(maximumBytes: Int, maximumMessages: Int = 65_536) {
        self.maximumBytes = maximumBytes
        self.maximumMessages = maximumMessages
    }

    var count: Int { self.requests.count }

    /// - Returns: whether there was room.
    mutating func append(_ request: PublishRequest) -> Bool {
        let size = request.size
        guard self.requests.isEmpty || self.bytes + size <= self.maximumBytes && self.count < self.maximumMessages
        else { return false }
        self.requests.append(request)
        self.bytes += size
        return true
    }

    /// Empties it.
    mutating func take() -> [PublishRequest] {
        defer {
            self.requests.removeAll()
            self.bytes = 0
        }
        return Array(self.requests)
    }

    /// Takes the first of them, as many as one turn may have.
    mutating func takeTurn() -> [PublishRequest] {
        var turn: [PublishRequest] = []
        var bytes = 0
        while turn.count < Self.turnMessages, let size = self.requests.first?.size, turn.isEmpty || bytes + size <= Self.turnBytes
        {
            turn.append(self.requests.removeFirst())
            bytes += size
        }
        self.bytes -= bytes
        return turn
    }
}

/// One call of ``Broker/publish(_:to:completion:)``.
struct PublishRequest: Sendable {
    let message: NodeMessage
    let topic: Topic
    let completion: (@Sendable (Result<PublishOutcome, BrokerError>) -> Void)?

    fileprivate var size: Int { self.message.payloadBytes + Outbox<Void>.overheadBytes }
}
