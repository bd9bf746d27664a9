import VolaryBackplane
import VolaryProtocol

/// What became of something that a REST caller pushed.
struct PushOutcome: Sendable {
    let id: PublicationID
    let answer: ReceiptCollector.Answer

    /// Connections reached, on all nodes that answered.
    var recipients: Int { self.answer.receipts.values.reduce(0) { $0 + ($1 == Receipt.refused ? 0 : Int($1)) } }

    /// The node that was asked may not do it.
    var isRefused: Bool { self.answer.receipts.values.contains(Receipt.refused) }

    /// For what goes to one connection: its node has answered, and did not reach it. Where none answers, one may still find it in the log, or
    /// get it from the outbox.
    var knowsOfNoConnection: Bool { !self.answer.receipts.isEmpty && self.recipients == 0 }

    /// The broker reached more than have answered.
    var lacksReceipts: Bool {
        if case .relayed(let receivers) = self.answer.outcome { self.answer.receipts.count < receivers } else { false }
    }

    var isDegraded: Bool { if case .degraded = self.answer.outcome { true } else { false } }
}
