import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// Announces joins and leaves to every client of the hub in which they happen, at a limited rate for each hub. Used from any thread.
final class Announcer: Sendable {
    /// Hubs with an event in the last second.
    private let pacers = NIOLockedValueBox<[HubName: AnnouncementPacer]>([:])
    /// Nil: no announcements.
    private let limit: Int?
    private let publisher: Publisher
    private let eventLoop: any EventLoop

    /// - Parameters:
    ///   - limit: announcements per second about single clients of a hub; above it they are summarized. Nil: no announcements.
    ///   - eventLoop: keeps the time.
    init(limit: Int?, publisher: Publisher, eventLoop: any EventLoop) {
        self.limit = limit
        self.publisher = publisher
        self.eventLoop = eventLoop
    }

    func record(_ event: AnnouncementPacer.Event, in hub: HubName) {
        guard let limit else { return }
        switch self.pacers.withLockedValue({ $0[hub, default: AnnouncementPacer(limit: limit)].record(event) }) {
        case .announce(let text):
            self.publisher.announce(text, in: hub)
        case .announceAndStartSecond(let text):
            self.publisher.announce(text, in: hub)
            self.startSecond(in: hub)
        case .startSecond:
            self.startSecond(in: hub)
        case .none: break
        }
    }

    /// Announces the connections of a dead node as left, in one message for each hub.
    func connectionsLost(_ connections: [HubName: Int]) {
        guard self.limit != nil else { return }
        for (hub, count) in connections where count > 0 {
            self.publisher.announce("\(count) \(count == 1 ? "client" : "clients") left.", in: hub)
        }
    }

    private func startSecond(in hub: HubName) {
        self.eventLoop.scheduleTask(in: .seconds(1)) {
            let text = self.pacers.withLockedValue { pacers in
                let text = pacers[hub]?.secondEnded()
                // The pacer is as new.
                if text == nil { pacers[hub] = nil }
                return text
            }
            guard let text else { return }
            self.publisher.announce(text, in: hub)
            self.startSecond(in: hub)
        }
    }
}
