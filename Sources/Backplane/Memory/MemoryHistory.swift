import VolaryProtocol

/// The last publications of the hubs of a ``MemoryBus``, for ``Broker/read(_:after:limit:)``.
///
/// A hub keeps as much as Redis keeps of one topic, see ``BrokerSettings``. All hubs together keep at most ``maximumBytes``: beyond, the
/// hub with the most loses the older half.
struct MemoryHistory {
    static let maximumBytes = 64 * 1024 * 1024
    /// Beyond, the hub in which nothing was published for the longest time is forgotten.
    static let maximumHubs = 1024

    private let settings: BrokerSettings
    private var hubs: [HubName: MemoryHubHistory] = [:]
    /// Of all hubs.
    private(set) var bytes = 0
    /// A hub that is not in ``hubs`` has nothing above this position.
    private var floor: Position

    /// - Parameter position: of the last publication before the history begins.
    init(_ settings: BrokerSettings, after position: Position) {
        self.settings = settings
        self.floor = position
    }

    /// - Parameters:
    ///   - position: above those of all earlier publications of the hub.
    ///   - now: milliseconds since 1970.
    mutating func append(_ publication: Publication, at position: Position, now: Int64) {
        if self.hubs[publication.hub] == nil {
            self.forgetOne()
            self.hubs[publication.hub] = MemoryHubHistory(start: self.floor)
        }
        guard let slot = self.hubs.index(forKey: publication.hub) else { return }
        self.bytes -= self.hubs.values[slot].bytes
        self.hubs.values[slot].append(publication, at: position, now: now)
        self.hubs.values[slot].trim(
            messages: self.settings.historyMessages,
            bytes: self.settings.historyBytes,
            since: now - self.settings.historyAge.milliseconds
        )
        self.bytes += self.hubs.values[slot].bytes
        if self.bytes > Self.maximumBytes { self.halveLargest() }
    }

    /// - Parameter end: the position of the hub.
    mutating func read(
        _ topics: Set<Topic>,
        of hub: HubName,
        after: Position?,
        limit: Int,
        end: Position,
        now: Int64
    ) -> HistoryPage {
        guard let slot = self.hubs.index(forKey: hub) else {
            let hasGap = after.map { $0 < self.floor || $0 > end } ?? false
            return HistoryPage(entries: [], through: end, isLast: true, hasGap: hasGap)
        }
        self.bytes -= self.hubs.values[slot].bytes
        self.hubs.values[slot].trim(messages: .max, bytes: .max, since: now - self.settings.historyAge.milliseconds)
        self.bytes += self.hubs.values[slot].bytes
        return self.hubs.values[slot].read(topics, after: after, limit: limit, end: end)
    }

    private mutating func halveLargest() {
        guard let slot = self.hubs.indices.max(by: { self.hubs.values[$0].bytes < self.hubs.values[$1].bytes }) else { return }
        let before = self.hubs.values[slot].bytes
        self.hubs.values[slot].trim(messages: .max, bytes: before / 2, since: .min)
        self.bytes += self.hubs.values[slot].bytes - before
    }

    private mutating func forgetOne() {
        guard self.hubs.count >= Self.maximumHubs,
            let (hub, history) = self.hubs.min(by: { $0.value.touched < $1.value.touched })
        else { return }
        self.floor = max(self.floor, history.last)
        self.bytes -= history.bytes
        self.hubs[hub] = nil
    }
}
