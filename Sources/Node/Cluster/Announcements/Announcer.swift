import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// Announces joins and leaves to every client, at a limited rate. Used from any thread.
final class Announcer: Sendable {
    private let pacer: NIOLockedValueBox<AnnouncementPacer>
    private let isOn: Bool
    private let publisher: Publisher
    private let eventLoop: any EventLoop

    /// - Parameters:
    ///   - limit: announcements per second about single clients; above it they are summarized. Nil: no announcements.
    ///   - eventLoop: keeps the time.
    init(limit: Int?, publisher: Publisher, eventLoop: any EventLoop) {
        self.isOn = limit != nil
        self.pacer = NIOLockedValueBox(AnnouncementPacer(limit: limit ?? 0))
        self.publisher = publisher
        self.eventLoop = eventLoop
    }

    func record(_ event: AnnouncementPacer.Event) {
        guard self.isOn else { return }
        switch self.pacer.withLockedValue({ $0.record(event) }) {
        case .announce(let text):
            self.publisher.announce(text)
        case .announceAndStartSecond(let text):
            self.publisher.announce(text)
            self.startSecond()
        case .startSecond:
            self.startSecond()
        case .none: break
        }
    }

    /// Announces the connections of a dead node as left, in one message.
    func connectionsLost(_ connections: Int) {
        guard self.isOn, connections > 0 else { return }
        self.publisher.announce("\(connections) \(connections == 1 ? "client" : "clients") left.")
    }

    private func startSecond() {
        self.eventLoop.scheduleTask(in: .seconds(1)) {
            guard let text = self.pacer.withLockedValue({ $0.secondEnded() }) else { return }
            self.publisher.announce(text)
            self.startSecond()
        }
    }
}
