import VolaryBackplane
import VolaryProtocol

/// Decides when the wait for one publication's receipts ends. Pure.
struct PendingReceipts {
    enum Action {
        case wait
        /// All known nodes have answered, but the broker reached more: wait for the grace period, then refresh the directory.
        case waitForGrace
        case finish(Result<ReceiptCollector.Answer, BrokerError>)
    }

    private var expected: Set<NodeID>?
    private var outcome: PublishOutcome?
    private var receipts: [NodeID: UInt32] = [:]
    private var inGrace = false
    private var hasRefreshed = false

    /// - Parameter expected: the live nodes when the wait begins. Nil: the message does not go to all nodes.
    init(expected: Set<NodeID>?) {
        self.expected = expected
    }

    mutating func published(_ outcome: Result<PublishOutcome, BrokerError>) -> Action {
        switch outcome {
        case .success(let outcome):
            self.outcome = outcome
            return self.next()
        case .failure(let error):
            return .finish(.failure(error))
        }
    }

    mutating func received(_ connections: UInt32, from node: NodeID) -> Action {
        self.receipts[node] = connections
        return self.next()
    }

    /// The grace period is over, and the directory was refreshed.
    /// - Parameter expected: the live nodes now. The wait goes on for those that have not answered. Other receivers that the
    ///   broker counted are not nodes.
    mutating func refreshed(expected: Set<NodeID>) -> Action {
        self.expected = expected
        self.hasRefreshed = true
        return self.next()
    }

    /// The broker has accepted the publication even if it has not reported an outcome: it is being sent, or waits for the link.
    mutating func timedOut() -> Action {
        .finish(.success(.init(outcome: self.outcome ?? .degraded(here: true), receipts: self.receipts)))
    }

    private mutating func next() -> Action {
        guard let outcome else { return .wait }
        let receivers =
            switch outcome {
            case .relayed(let receivers, _): receivers
            // At most this node's own receiver got it.
            case .degraded(let here): here ? 1 : 0
            }
        let isAll = self.expected.map { $0.isSubset(of: self.receipts.keys) } ?? false
        if self.receipts.count >= receivers || isAll && self.hasRefreshed {
            return .finish(.success(.init(outcome: outcome, receipts: self.receipts)))
        }
        guard isAll, !self.inGrace else { return .wait }
        self.inGrace = true
        return .waitForGrace
    }
}
