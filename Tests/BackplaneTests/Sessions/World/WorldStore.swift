import VolaryProtocol

@testable import VolaryBackplane

/// A store in a schedule: time and faults, which each kind has in its own way.
protocol WorldStore: Sendable {
    var sessions: any SessionStore { get }
    /// Milliseconds that pass while a replica is promoted.
    var promotionTime: Int64 { get }

    func openLink(for node: NodeID) async -> any WorldLink
    func closeLink(_ link: any WorldLink)
    /// - Parameter milliseconds: since 1970, for the scripts that follow.
    func setTime(_ milliseconds: Int64) async
    /// From now on the replica gets nothing more.
    func stallReplica() async
    /// The replica takes the master's place. All links are lost.
    func promoteReplica() async
    /// Whether the head of a hub has the sequences of operations too.
    var hasOperationsInHead: Bool { get }
    /// The head of the default hub is deleted; everything else stays.
    func deleteHead() async
    func close() async
}

/// A link in a schedule.
protocol WorldLink: HubLink {
    var hasEvents: Bool { get }
    /// Waits until everything that scripts have pushed can be received, and all subscriptions are made.
    func settle() async
    /// The connection is lost, with everything that is on its way.
    func lose() async
    /// The next entry of a topic does not arrive, and nobody is told.
    func loseNextEntry()
}

extension MemoryHubLink: WorldLink {
    func settle() {}
}

/// The memory store of a schedule.
struct MemoryWorldStore: WorldStore {
    let store: MemorySessionStore

    var sessions: any SessionStore { self.store }
    var promotionTime: Int64 { 5 }
    var hasOperationsInHead: Bool { false }

    func openLink(for node: NodeID) async -> any WorldLink { self.store.openLink(to: .default, for: node) }

    func closeLink(_ link: any WorldLink) {
        if let link = link as? MemoryHubLink { self.store.closeLink(link, to: .default) }
    }

    /// It reads the schedule's time.
    func setTime(_ milliseconds: Int64) {}
    func stallReplica() { self.store.stallReplica() }
    func promoteReplica() { self.store.promoteReplica() }
    func deleteHead() { self.store.deleteHead(of: .default) }
    func close() {}
}
