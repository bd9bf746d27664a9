import VolaryProtocol

/// What this node knows of the order of hubs, for the arguments of scripts that begin with ``RedisScript/order``. Belongs to one
/// event loop.
final class HubOrder {
    /// Maximum of hubs. Beyond, all are forgotten: an observation only helps to notice that Redis has lost data.
    private static let maximumHubs = 10_000

    /// The argument that names this node's publications, see ``RedisScript/order``.
    let lane: String
    /// The history of Redis that the link has been told, empty before.
    private(set) var history = ""
    /// The last history that was told, on this link or an earlier one.
    private var lastHistory = ""
    private var observations: [HubName: Position] = [:]
    /// Hubs whose observation another history has not been told.
    private var unreported: Set<HubName> = []

    init(node: NodeID) {
        self.lane = "op:\(node):p"
    }

    func linkWasLost() { self.history = "" }

    func told(history: String) {
        self.history = history
        guard history != self.lastHistory else { return }
        // What this node has observed may be lost, and nodes that have missed it can learn that from nobody else.
        if !self.lastHistory.isEmpty { self.unreported = Set(self.observations.keys) }
        self.lastHistory = history
    }

    /// Hubs whose observation Redis is to be told, although this node has nothing to publish in them.
    func takeUnreported(_ limit: Int) -> [HubName] {
        let hubs = Array(self.unreported.prefix(limit))
        self.unreported.subtract(hubs)
        return hubs
    }

    /// Call for a hub that was taken, if Redis did not answer.
    func wasNotReported(_ hub: HubName) { self.unreported.insert(hub) }

    /// Call with the position of each answer.
    func observed(_ position: Position, in hub: HubName) {
        if self.observations.count >= Self.maximumHubs, self.observations[hub] == nil { self.observations.removeAll() }
        self.unreported.remove(hub)
        if let known = self.observations[hub], known >= position { return }
        self.observations[hub] = position
    }

    /// The highest position observed.
    func observation(in hub: HubName) -> Position? { self.observations[hub] }

    /// Appends the first arguments: the history, and the highest position observed.
    /// - Parameters:
    ///   - hub: nil for a node's own topics, of whose order nothing is kept.
    ///   - seen: in place of the highest position observed.
    func append(to command: inout RESPCommand, in hub: HubName?, seen: Position? = nil) {
        command.append(self.history)
        let position = seen ?? hub.flatMap { self.observations[$0] }
        command.append(position.map { "\($0.epoch)" } ?? "")
        command.append(position.map { "\($0.number)" } ?? "")
    }
}

@available(*, unavailable)
extension HubOrder: Sendable {}
