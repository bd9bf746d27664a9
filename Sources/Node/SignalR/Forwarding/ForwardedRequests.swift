import NIOConcurrencyHelpers
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Passes requests of clients to the nodes that hold their connections, and waits for the answers. Used from any thread.
///
/// While one waits, the leases of the nodes are read twice a second, once for all of them: a client whose node has died is told within a second
/// of the end of its lease.
final class ForwardedRequests: Sendable {
    /// Bytes of forwarded bodies that wait for their answers: 32 MiB.
    static let maximumBytes = 32 * 1024 * 1024
    static let checkInterval = Duration.milliseconds(500)

    private struct Entry {
        var request: ForwardedRequest
        let bytes: Int
        /// nil for another request.
        let poll: TransportRequest?
        let continuation: CheckedContinuation<ForwardedRequest.Result, Never>
    }

    private struct State {
        var entries: [PublicationID: Entry] = [:]
        var bytes = 0
        var isChecking = false
        var isDraining = false
    }

    private let state = NIOLockedValueBox(State())
    private let node: NodeID
    private let broker: any Broker
    private let maximumCount: Int
    /// The nodes with a lease; nil when the store does not answer.
    private let live: @Sendable () async -> Set<NodeID>?

    init(node: NodeID, broker: any Broker, maximumCount: Int, live: @escaping @Sendable () async -> Set<NodeID>?) {
        self.node = node
        self.broker = broker
        self.maximumCount = maximumCount
        self.live = live
    }

    /// How many wait for their answers.
    var count: Int { self.state.withLockedValue { $0.entries.count } }

    /// Sends a request, and waits for its answer. When the task is canceled, a poll is abandoned.
    func send(_ request: TransportRequest) async -> ForwardedRequest.Result {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard self.begin(request, continuation) else { return continuation.resume(returning: .overLimit) }
                self.broker.publish(.transportRequest(request), to: request.topic) { outcome in
                    self.apply(request.id) { $0.published(outcome) }
                }
                // Canceled before there was an entry.
                if Task.isCancelled { self.abandon(request) }
            }
        } onCancel: {
            self.abandon(request)
        }
    }

    private func begin(_ request: TransportRequest, _ continuation: CheckedContinuation<ForwardedRequest.Result, Never>) -> Bool {
        let bytes = request.action.byteCount
        let (hasRoom, begins) = self.state.withLockedValue { state in
            guard state.entries.count < self.maximumCount, state.bytes + bytes <= Self.maximumBytes else { return (false, false) }
            state.entries[request.id] = Entry(
                request: ForwardedRequest(at: .now),
                bytes: bytes,
                poll: request.action == .poll ? request : nil,
                continuation: continuation
            )
            state.bytes += bytes
            defer { state.isChecking = true }
            return (true, !state.isChecking)
        }
        if begins { Task { await self.check() } }
        return hasRoom
    }

    /// Whether ``endPolls()`` has been called.
    var isDraining: Bool { self.state.withLockedValue { $0.isDraining } }

    /// The node is shutting down: polls do not wait any longer. Each still gets the answer of its node, which may have messages.
    func endPolls() {
        let polls = self.state.withLockedValue { state in
            state.isDraining = true
            return state.entries.values.compactMap(\.poll)
        }
        for poll in polls { self.tell(.abandon, about: poll, at: poll.topic) }
    }

    /// The client of a poll is gone.
    private func abandon(_ request: TransportRequest) {
        guard case .poll = request.action else { return }
        guard self.apply(request.id, { _ in .unreachable }) else { return }
        self.tell(.abandon, about: request, at: request.topic)
    }

    /// Tells the node of a connection whether an answer has been written to the client.
    func written(_ isWritten: Bool, _ request: TransportRequest, at node: NodeID) {
        self.tell(.written(isWritten), about: request, at: .node(node))
    }

    private func tell(_ action: TransportRequest.Action, about request: TransportRequest, at topic: Topic) {
        self.broker.publish(.transportRequest(request.followedBy(action)), to: topic, completion: nil)
    }

    /// An answer without a request that waits is dropped. If it has data, its node ends the connection after some time.
    func received(_ answer: TransportAnswer, from node: NodeID) {
        self.apply(answer.id) { $0.received(answer, from: node) }
    }

    /// - Returns: whether the wait has ended by this.
    @discardableResult
    private func apply(_ id: PublicationID, _ change: (inout ForwardedRequest) -> ForwardedRequest.Result?) -> Bool {
        let ended = self.state.withLockedValue { state -> (Entry, ForwardedRequest.Result)? in
            guard var entry = state.entries[id] else { return nil }
            let result = change(&entry.request)
            state.entries[id] = result == nil ? entry : nil
            if result != nil { state.bytes -= entry.bytes }
            return result.map { (entry, $0) }
        }
        guard let (entry, result) = ended else { return false }
        entry.continuation.resume(returning: result)
        return true
    }

    /// Checks all that wait, until none does.
    private func check() async {
        while true {
            try? await Task.sleep(for: Self.checkInterval)
            let isNeeded = self.state.withLockedValue { $0.entries.values.contains { $0.request.owner != nil } }
            let live = isNeeded ? await self.live() : nil
            let ids = self.state.withLockedValue { Array($0.entries.keys) }
            for id in ids { self.apply(id) { $0.check(live: live, at: .now) } }
            let isDone = self.state.withLockedValue { state in
                guard state.entries.isEmpty else { return false }
                state.isChecking = false
                return true
            }
            if isDone { return }
        }
    }
}

extension TransportRequest {
    /// Where the node that holds the connection gets requests for it.
    fileprivate var topic: Topic { Audience.connection(self.connection).topic(in: self.hub) }
}
