import Crypto
import Foundation
import NIOConcurrencyHelpers
import NIOCore
import ServiceLifecycle
import VolaryBackplane
import VolaryProtocol

/// Tells event handlers that resumable connections have ended: what the session store lists, also of nodes that are gone.
///
/// One node tells for a hub. While nodes come and go, two may tell of the same end; the handler then gets the event twice, with the
/// same `ce-id`. An end that the handler did not accept in any of the tries is not told again.
final class EndTeller: Service {
    /// Between two questions for ends.
    private static let interval = Duration.seconds(1)
    /// Ends of one hub that may be under way at once.
    private static let endsAtOnce = 1000

    /// The ends of one hub.
    private struct Ends {
        var underWay: Set<ConnectionID> = []
        /// Some of those under way, which the store still lists.
        var told: [ConnectionID] = []
    }

    private let store: any SessionStore
    private let handlers: EventHandlers
    private let directory: NodeDirectory
    private let ends = NIOLockedValueBox<[HubName: Ends]>([:])

    init(store: any SessionStore, handlers: EventHandlers, directory: NodeDirectory) {
        self.store = store
        self.handlers = handlers
        self.directory = directory
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { tasks in
                while (try? await Task.sleep(for: Self.interval)) != nil {
                    // A store that does not answer is asked again in a second.
                    try? await self.confirm()
                    try? await self.tell(in: &tasks)
                }
            }
        }
        try? await self.confirm()
    }

    private func confirm() async throws(SessionStoreError) {
        let all = self.ends.withLockedValue { $0.mapValues { $0.told } }
        for (hub, told) in all where !told.isEmpty {
            try await self.store.confirmEnded(told, in: hub)
            self.ends.withLockedValue { ends in
                ends[hub]?.told.removeFirst(told.count)
                ends[hub]?.underWay.subtract(told)
            }
        }
    }

    private func tell(in tasks: inout DiscardingTaskGroup) async throws(SessionStoreError) {
        for hub in self.handlers.hubs(with: .disconnected) where self.tells(hub) {
            for session in try await self.store.ended(in: hub, limit: Self.endsAtOnce) {
                let isNew = self.ends.withLockedValue { $0[hub, default: Ends()].underWay.insert(session.connection).inserted }
                guard isNew else { continue }
                self.handlers.began()
                tasks.addTask {
                    let isTold = await self.tell(session, in: hub)
                    self.handlers.ended()
                    self.ends.withLockedValue { ends in
                        if isTold {
                            ends[hub]?.told.append(session.connection)
                        } else {
                            ends[hub]?.underWay.remove(session.connection)
                        }
                    }
                }
            }
        }
    }

    /// - Returns: false if the end must be told later.
    private func tell(_ session: EndedSession, in hub: HubName) async -> Bool {
        guard session.reason != EndedSession.neverOpened else { return true }
        guard let handler = self.handlers.settings(of: hub)?.handler(of: .disconnected) else { return false }
        let state = String(buffer: session.state)
        let sender = CloudEvent.Sender(
            id: session.connection,
            hub: hub,
            user: session.user,
            subprotocol: JSONPubSubProtocol.reliableSubprotocol,
            state: state.isEmpty ? nil : state
        )
        let event = CloudEvent.disconnected(sender, number: CloudEvent.lastNumber, reason: session.reason, cookies: nil)
        let failure = await self.handlers.notify(event, to: handler)
        return failure != .tooMany && failure != .stopped && !(failure != nil && Task.isCancelled)
    }

    /// Whether this node tells for a hub: of the nodes that stay, the first in an order that differs from hub to hub.
    private func tells(_ hub: HubName) -> Bool {
        func rank(_ node: NodeID) -> [UInt8] { Array(SHA256.hash(data: Data("\(hub.text) \(node)".utf8))) }
        let own = self.directory.ownID
        let staying = self.directory.live.filter { !$0.draining }.map(\.id)
        guard staying.contains(own) else { return false }
        let ownRank = rank(own)
        return !staying.contains { $0 != own && rank($0).lexicographicallyPrecedes(ownRank) }
    }
}
