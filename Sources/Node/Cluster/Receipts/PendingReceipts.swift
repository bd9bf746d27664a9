import VolaryBackplane
import VolaryProtocol

/// When the wait for one publication's receipts is over. Pure.
struct PendingReceipts {
    enum Action {
        case wait
        /// All that are known have answered, though the broker reached more: wait a little longer for those, then look who is there.
        case waitForGrace
        case finish(Result<ReceiptCollector.Answer, BrokerError>)
    }

    private var expected: Set<NodeID>?
    private var outcome: PublishOutcome?
    private var receipts: [NodeID: UInt32] = [:]
    private var inGrace = false
    private var hasLooked = false

    /// - Parameter expected: the nodes that are there as the wait begins; nil when not all of them are asked.
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

    /// The grace is over.
    /// - Parameter expected: the nodes that are there by now. Those of them that have not answered are waited for; others that the broker
    ///   reached are no nodes.
    mutating func looked(expected: Set<NodeID>) -> Action {
        self.expected = expected
        self.hasLooked = true
        return self.next()
    }

    /// The broker has the publication even where it has not said yet what became of it: it goes out, or waits to.
    mutating func timeIsUp() -> Action {
        .finish(.success(.init(outcome: self.outcome ?? .degraded(here: true), receipts: self.receipts)))
    }

    private mutating func next() -> Action {
        guard let outcome else { return .wait }
        let receivers =
            switch outcome {
            case .relayed(let receivers): receivers
            // Only this node's own receiver got it, if that.
            case .degraded(let here): here ? 1 : 0
            }
        let isAll = self.expected.map { $0.isSubset(of: self.receipts.keys) } ?? false
        if self.receipts.count >= receivers || isAll && self.hasLooked {
            return .finish(.success(.init(outcome: outcome, receipts: self.receipts)))
        }
        guard isAll, !self.inGrace else { return .wait }
        self.inGrace = true
        return .waitForGrace
    }
}
