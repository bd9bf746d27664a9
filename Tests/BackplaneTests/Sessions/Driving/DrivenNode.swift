import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import VolaryProtocol

@testable import VolaryBackplane

/// A node with ``HubSessions`` on a store, and what its clients got.
final class DrivenNode: Sendable {
    let id: NodeID
    let sessions: HubSessions
    /// Nodes that are believed to be dead.
    let dead = NIOLockedValueBox<Set<NodeID>>([])
    private let lost = NIOLockedValueBox<UInt64>(0)

    init(_ store: MemorySessionStore, graceMilliseconds: Int64 = 1000) {
        self.id = .random()
        let dead = self.dead
        self.sessions = HubSessions(
            hub: .default,
            node: self.id,
            service: SessionService(store),
            loop: MultiThreadedEventLoopGroup.singleton.next(),
            host: DrivenHost(lost: self.lost),
            isLive: { node in dead.withLockedValue { !$0.contains(node) } },
            graceMilliseconds: graceMilliseconds,
            now: UTCClock.now
        )
    }

    /// Operations that the node cannot send again.
    var lostOperations: UInt64 { self.lost.withLockedValue { $0 } }

    deinit { self.sessions.stop() }

    func attach(_ groups: [AudienceName] = []) async throws -> DrivenClient {
        let client = DrivenClient(.random(on: self.id))
        let attachment = SessionAttachment(
            connection: client.id,
            protocol: "test",
            tokenHash: DrivenClient.token,
            window: .seconds(60),
            groups: groups
        )
        guard let handle = await self.sessions.attach(attachment, client: client) else { throw ContractError() }
        client.handle.withLockedValue { $0 = handle }
        return client
    }

    /// Whether the node is subscribed to a group.
    func hears(_ group: AudienceName) async throws -> Bool {
        let sessions = self.sessions
        return try await sessions.loop.submit { sessions.follower.subscriptions.isConfirmed(.group(group)) }.get()
    }

    func claim(_ client: DrivenClient) async -> HubSessions.Claim {
        let claim = await self.sessions.claim(client.id, tokenHash: DrivenClient.token, client: client)
        if case .claimed(let handle, _) = claim { client.handle.withLockedValue { $0 = handle } }
        return claim
    }

    /// Carries out a request of a client.
    func request(
        _ action: SessionRequest.Action,
        of client: DrivenClient,
        ackID: UInt64? = nil
    ) async throws -> ActionFailure? {
        guard let handle = client.handle.withLockedValue({ $0 }) else { throw ContractError() }
        return await withCheckedContinuation { continuation in
            let request = SessionRequest(action, ackID: ackID.map { .number($0) }) { result in
                if case .failure(let failure) = result {
                    continuation.resume(returning: failure)
                } else {
                    continuation.resume(returning: nil)
                }
            }
            self.sessions.submit(request, of: handle)
        }
    }

    func lose(_ client: DrivenClient, _ loss: SessionHandle.Loss = .detaches) {
        if let handle = client.handle.withLockedValue({ $0 }) { self.sessions.lost(handle, loss) }
    }
}

/// Remembers what a session delivers, as texts with their numbers, and how it ended.
final class DrivenClient: SessionClient {
    static let token: [UInt8] = [1, 2, 3]

    let id: ConnectionID
    let handle = NIOLockedValueBox<SessionHandle?>(nil)
    private let state = NIOLockedValueBox<(texts: [String], endings: [SessionEnding])>(([], []))

    init(_ id: ConnectionID) {
        self.id = id
    }

    /// `number:text`, in the order of delivery.
    var texts: [String] { self.state.withLockedValue { $0.texts } }
    var count: Int { self.state.withLockedValue { $0.texts.count } }
    var endings: [SessionEnding] { self.state.withLockedValue { $0.endings } }

    func permissionsChanged(_ permissions: Set<UTF8Text>) {
        self.deliver("permissions \(permissions.map(\.string).sorted())")
    }

    func ended(_ ending: SessionEnding) { self.state.withLockedValue { $0.endings.append(ending) } }

    func deliver(_ text: String) { self.state.withLockedValue { $0.texts.append(text) } }
}

private struct DrivenHost: SessionHost {
    let lost: NIOLockedValueBox<UInt64>

    func deliver(_ deliveries: [SessionDelivery]) {
        for delivery in deliveries {
            for receiver in delivery.receivers {
                let text = String(buffer: delivery.publication.publication.payload)
                (receiver.client as? DrivenClient)?.deliver("\(receiver.sequence):\(text)")
            }
        }
    }

    func delivered(_ id: PublicationID, to count: UInt32) {}
    func sessionFailed(_ failure: SessionFailure) {}
    func operationsLost(_ count: UInt64) { self.lost.withLockedValue { $0 += count } }
}
