import VolaryBackplane
import VolaryProtocol

/// The result of a push or command of a REST caller.
struct PushOutcome: Sendable {
    let id: PublicationID
    let answer: ReceiptCollector.Answer

    /// Connections reached, on all nodes that answered.
    var recipients: Int { self.answer.receipts.values.reduce(0) { $0 + ($1 == Receipt.refused ? 0 : Int($1)) } }

    /// The node refused the command because of a limit.
    var isRefused: Bool { self.answer.receipts.values.contains(Receipt.refused) }

    /// For a message to one connection: its node has answered that it has no such connection. Without an answer this is false,
    /// because the node may still get the message from the log or the outbox.
    var connectionNotFound: Bool { !self.answer.receipts.isEmpty && self.recipients == 0 }

    /// The broker reached more nodes than have answered.
    var lacksReceipts: Bool {
        if case .relayed(let receivers, _) = self.answer.outcome { self.answer.receipts.count < receivers } else { false }
    }

    /// The place of the message in the order of its hub, if it has one.
    var position: Position? { if case .relayed(_, let position) = self.answer.outcome { position } else { nil } }

    var isDegraded: Bool { if case .degraded = self.answer.outcome { true } else { false } }
}
