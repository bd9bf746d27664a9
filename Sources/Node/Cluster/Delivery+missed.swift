import VolaryBackplane
import VolaryProtocol

/// Telling clients what this node has missed.
extension Delivery {
    func missed(_ gaps: [BrokerGap]) {
        // What goes to single connections is published to their node: any of them may be concerned.
        let forEveryone = gaps.filter { $0.audience == .all }
        if !forEveryone.isEmpty { self.tell(.all, lost: Self.sum(forEveryone)) }
        let everyoneFearsTheWorst = forEveryone.contains { $0.lost == nil }
        for gap in gaps where gap.audience != .all && !everyoneFearsTheWorst { self.tell(gap.audience, lost: gap.lost) }
    }

    private static func sum(_ gaps: [BrokerGap]) -> Int? {
        gaps.reduce(0) { sum, gap in sum.flatMap { sum in gap.lost.map { BrokerGap.sum(sum, $0) } } }
    }

    /// This node's connections only: other nodes know themselves what they have missed.
    private func tell(_ audience: Audience, lost: Int?) {
        let publication = LossNotice.publication(lost: lost, of: audience, on: self.node, at: self.now())
        self.receive([Envelope(origin: self.node, sequence: 0, message: .publication(publication))])
    }
}

extension BrokerGap {
    fileprivate var audience: Audience {
        switch self.topic {
        case .all, .node: .all
        case .group(let name): .group(name)
        case .user(let name): .user(name)
        }
    }
}
