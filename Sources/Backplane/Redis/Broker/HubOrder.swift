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
    private var observations: [HubName: Position] = [:]

    init(node: NodeID) {
        self.lane = "op:\(node):p"
    }

    func linkWasLost() { self.history = "" }

    func told(history: String) { self.history = history }

    /// Call with the position of each answer.
    func observed(_ position: Position, in hub: HubName) {
        if self.observations.count >= Self.maximumHubs, self.observations[hub] == nil { self.observations.removeAll() }
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
