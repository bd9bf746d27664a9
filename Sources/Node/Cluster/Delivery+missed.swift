import VolaryBackplane
import VolaryProtocol

/// Notices to clients about messages that this node has missed.
extension Delivery {
    func missed(_ gaps: [BrokerGap]) {
        // Messages to single connections use the node's topic, so a gap there may concern any connection of any hub.
        let ofNode = gaps.filter { $0.topic.hub == nil }
        var byHub = Dictionary(grouping: gaps.lazy.filter { $0.topic.hub != nil }) { $0.topic.hub ?? .default }
        if !ofNode.isEmpty {
            for hub in self.hubs { byHub[hub, default: []] += ofNode }
        }
        for (hub, gaps) in byHub { self.missed(gaps, in: hub) }
    }

    private func missed(_ gaps: [BrokerGap], in hub: HubName) {
        let forEveryone = gaps.filter { $0.audience == .all }
        if !forEveryone.isEmpty { self.notify(.all, in: hub, lost: Self.sum(forEveryone)) }
        let allToldOfUnknownLoss = forEveryone.contains { $0.lost == nil }
        for gap in gaps where gap.audience != .all && !allToldOfUnknownLoss { self.notify(gap.audience, in: hub, lost: gap.lost) }
    }

    private static func sum(_ gaps: [BrokerGap]) -> Int? {
        gaps.reduce(0) { sum, gap in sum.flatMap { sum in gap.lost.map { BrokerGap.sum(sum, $0) } } }
    }

    /// Notifies this node's connections only. Other nodes detect their own gaps.
    private func notify(_ audience: Audience, in hub: HubName, lost: Int?) {
        let target = HubAudience(hub: hub, audience: audience)
        let publication = LossNotice.publication(lost: lost, of: target, on: self.node, at: self.now())
        self.receive([Envelope(origin: self.node, sequence: 0, message: .publication(publication))])
    }
}

extension BrokerGap {
    fileprivate var audience: Audience {
        switch self.topic {
        case .all, .node: .all
        case .group(_, let name): .group(name)
        case .user(_, let name): .user(name)
        case .connection(_, let id): .connection(id)
        }
    }
}
