import VolaryProtocol

/// Decides which joins and leaves are announced one by one, and which are summarized. Pure.
///
/// Announcing every join and leave to every client costs the square of the number of clients. Up to `limit` in a second are
/// announced one by one. The others of that second are counted and announced in one summary.
struct AnnouncementPacer {
    enum Event {
        case joined(ConnectionID)
        case left(ConnectionID)
    }

    enum Action: Equatable {
        case announce(String)
        /// Counted for the summary. Call ``secondEnded()`` in a second.
        case startSecond
        /// Counted for the summary of a second that has already started.
        case none
        /// Announce it; it is the first of its second. Call ``secondEnded()`` in a second.
        case announceAndStartSecond(String)
    }

    private let limit: Int
    private var isCounting = false
    private var announced = 0
    private var joined = 0
    private var left = 0

    /// - Parameter limit: announcements per second about single clients.
    init(limit: Int) {
        self.limit = limit
    }

    mutating func record(_ event: Event) -> Action {
        let isFirst = !self.isCounting
        self.isCounting = true
        if self.announced < self.limit {
            self.announced += 1
            let text =
                switch event {
                case .joined(let id): "Client \(id.short) joined."
                case .left(let id): "Client \(id.short) left."
                }
            return isFirst ? .announceAndStartSecond(text) : .announce(text)
        }
        switch event {
        case .joined: self.joined += 1
        case .left: self.left += 1
        }
        return isFirst ? .startSecond : .none
    }

    /// - Returns: the summary of the second; nil when nothing was counted. When it is not nil, another second begins.
    mutating func secondEnded() -> String? {
        let parts = [(self.joined, "joined"), (self.left, "left")].filter { $0.0 > 0 }
        self.announced = 0
        self.joined = 0
        self.left = 0
        self.isCounting = !parts.isEmpty
        guard let (count, verb) = parts.first else { return nil }
        let start = "\(count) \(count == 1 ? "client" : "clients") \(verb)"
        return parts.count == 1 ? "\(start)." : "\(start), \(parts[1].0) \(parts[1].1)."
    }
}
