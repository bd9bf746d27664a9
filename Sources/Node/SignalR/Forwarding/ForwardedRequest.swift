import VolaryBackplane
import VolaryProtocol

/// When the wait for the answer to a request that another node has ends. Pure.
struct ForwardedRequest {
    enum Result: Sendable {
        case answer(TransportAnswer, from: NodeID)
        /// No node has the connection.
        case nobody
        /// The cluster cannot be reached, or the other node does not answer.
        case unreachable
        /// Too many requests are forwarded already.
        case overLimit
    }

    /// How long a node may take to say that it has a connection, once it is known to be alive: 10 s.
    static let acceptance = Duration.seconds(10)
    /// The longest wait: 100 s, longer than a poll waits at its node. The answer was lost.
    static let maximumWait = Duration.seconds(100)

    private let sentAt: ContinuousClock.Instant
    private var receivers: Int?
    private var unknowns = 0
    /// The node that has the connection.
    private(set) var owner: NodeID?

    init(at now: ContinuousClock.Instant) {
        self.sentAt = now
    }

    /// - Returns: nil: the wait goes on.
    mutating func published(_ outcome: Swift.Result<PublishOutcome, BrokerError>) -> Result? {
        switch outcome {
        case .success(.relayed(let receivers, _)):
            self.receivers = receivers
            return self.unknowns >= receivers ? .nobody : nil
        case .success(.degraded), .failure: return .unreachable
        }
    }

    mutating func received(_ answer: TransportAnswer, from node: NodeID) -> Result? {
        switch answer.outcome {
        case .accepted:
            self.owner = node
            return nil
        // Also a node that has not taken the connection, or has it no more, may still be subscribed.
        case .unknown where node != self.owner:
            self.unknowns += 1
            return self.receivers.map { self.unknowns >= $0 } == true ? .nobody : nil
        default: return .answer(answer, from: node)
        }
    }

    /// - Parameter live: the nodes that are alive; nil if this is not known.
    func check(live: Set<NodeID>?, at now: ContinuousClock.Instant) -> Result? {
        let waited = now - self.sentAt
        guard let owner else { return waited > Self.acceptance ? .unreachable : nil }
        guard waited <= Self.maximumWait else { return .unreachable }
        return live.map { $0.contains(owner) } == false ? .nobody : nil
    }
}
