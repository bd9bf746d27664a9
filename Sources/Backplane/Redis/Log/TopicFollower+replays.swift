import NIOCore
import VolaryProtocol

/// The order of hubs after a lost link, see ``HubReplay``.
extension TopicFollower {
    /// Does what the replay of a hub waits for, if it can go on.
    func goOn(with hub: HubName?) {
        guard let hub, let replay = self.replays[hub] else { return }
        if replay.needsEnd { self.readEnd(of: hub) }
        self.deliverReplay(of: hub)
    }

    private func readEnd(of hub: HubName) {
        guard self.reader.isReady, self.endsUnderWay.insert(hub).inserted else { return }
        let attempt = self.replays[hub]?.attempt
        self.reader.readPosition(of: hub) { [weak self] position in
            guard let self else { return }
            self.endsUnderWay.remove(hub)
            // Nil: the link was lost.
            guard let position, let replay = self.replays[hub], replay.needsEnd else { return }
            // The subscriptions were lost and confirmed again.
            guard replay.attempt == attempt else { return self.readEnd(of: hub) }
            self.replays.update(hub) { $0.ended(at: position, at: .now()) }
            for topic in self.logs.topics(of: hub) { self.requestIfNeeded(topic) }
            self.deliverReplay(of: hub)
        }
    }

    /// Delivers what has been held, if nothing is waited for any more.
    func endReplay(of hub: HubName?, into envelopes: inout [Envelope]) {
        guard !self.replays.isEmpty, let hub, let held = self.replays.end(hub, canRead: self.reader.isReady, at: .now()) else {
            return
        }
        envelopes += held
        // Where the replay has failed, its topics have not been read yet.
        for topic in self.logs.topics(of: hub) { self.requestIfNeeded(topic) }
    }

    func deliverReplay(of hub: HubName) {
        var envelopes: [Envelope] = []
        self.endReplay(of: hub, into: &envelopes)
        self.context.deliver(envelopes)
        self.reportSettled()
    }
}
