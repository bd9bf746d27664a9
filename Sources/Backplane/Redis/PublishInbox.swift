import NIOCore
import Protocol

/// What has been published and has no sequence yet, in the order in which it will get one: what the broker's loop has not looked at, and what
/// waits for a subscription.
struct PublishInbox: Sendable {
    private let maximumBytes: Int
    private var requests: [PublishRequest] = []
    private var bytes = 0

    /// - Parameter maximumBytes: payloads, with ``Outbox/overheadBytes`` for each message; one message of any size may wait alone.
    init(maximumBytes: Int) {
        self.maximumBytes = maximumBytes
    }

    var count: Int { self.requests.count }

    /// - Returns: whether there was room.
    mutating func append(_ request: PublishRequest) -> Bool {
        let size = request.message.payloadBytes + Outbox<Void>.overheadBytes
        guard self.requests.isEmpty || self.bytes + size <= self.maximumBytes else { return false }
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
        return self.requests
    }
}

/// One call of ``Broker/publish(_:to:completion:)``.
struct PublishRequest: Sendable {
    let message: NodeMessage
    let topic: Topic
    let completion: (@Sendable (Result<PublishOutcome, BrokerError>) -> Void)?
}
