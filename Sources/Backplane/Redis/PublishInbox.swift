import NIOCore
import Protocol

/// What has been published and not been looked at yet by the broker's loop; its order is the order of sequences.
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
