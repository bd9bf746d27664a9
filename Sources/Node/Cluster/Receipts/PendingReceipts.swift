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
    /// A node with sessions sends a receipt for them, and one for its other connections.
    private var ofSessions: [NodeID: UInt32] = [:]
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
        if connections >= Receipt.ofSessions, connections != Receipt.refused {
            self.ofSessions[node] = connections - Receipt.ofSessions
        } else {
            self.receipts[node] = connections
        }
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
        .finish(.success(self.answer(self.outcome ?? .degraded(here: true))))
    }

    private var count: Int { self.receipts.count + self.ofSessions.count }

    private func answer(_ outcome: PublishOutcome) -> ReceiptCollector.Answer {
        ReceiptCollector.Answer(
            outcome: outcome,
            receipts: self.ofSessions.isEmpty ? self.receipts : self.receipts.merging(self.ofSessions, uniquingKeysWith: &+),
            count: self.count
        )
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
        if self.count >= receivers || isAll && self.hasRefreshed {
            return .finish(.success(self.answer(outcome)))
        }
        guard isAll, !self.inGrace else { return .wait }
        self.inGrace = true
        return .waitForGrace
    }
}
