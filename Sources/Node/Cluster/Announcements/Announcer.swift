import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// Tells every client who came and who went, at a bounded rate. Used from any thread.
final class Announcer: Sendable {
    private let pacer: NIOLockedValueBox<AnnouncementPacer>
    private let isOn: Bool
    private let publisher: Publisher
    private let eventLoop: any EventLoop

    /// - Parameters:
    ///   - limit: sentences a second about single clients; above it they are summed up. Nil: nothing is told.
    ///   - eventLoop: keeps the time.
    init(limit: Int?, publisher: Publisher, eventLoop: any EventLoop) {
        self.isOn = limit != nil
        self.pacer = NIOLockedValueBox(AnnouncementPacer(limit: limit ?? 0))
        self.publisher = publisher
        self.eventLoop = eventLoop
    }

    func happened(_ event: AnnouncementPacer.Event) {
        guard self.isOn else { return }
        switch self.pacer.withLockedValue({ $0.happened(event) }) {
        case .tell(let text):
            self.publisher.announce(text)
        case .tellAndStartSecond(let text):
            self.publisher.announce(text)
            self.startSecond()
        case .startSecond:
            self.startSecond()
        case .none: break
        }
    }

    /// Connections that went with a node that died.
    func lost(_ connections: Int) {
        guard self.isOn, connections > 0 else { return }
        self.publisher.announce("\(connections) \(connections == 1 ? "client" : "clients") left.")
    }

    private func startSecond() {
        self.eventLoop.scheduleTask(in: .seconds(1)) {
            guard let text = self.pacer.withLockedValue({ $0.secondPassed() }) else { return }
            self.publisher.announce(text)
            self.startSecond()
        }
    }
}
