import NIOConcurrencyHelpers
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Waits for the receipts of publications and requests that this node has sent. Used from any thread.
final class ReceiptCollector: Sendable {
    /// What came back by the end of the wait.
    struct Answer: Sendable {
        /// `.degraded` also when the broker had not said, by the end of the wait, whether the cluster has it.
        let outcome: PublishOutcome
        /// Connections reached, by the node that says so.
        let receipts: [NodeID: UInt32]
    }

    /// How long to go on waiting once every node that is known has answered but the broker counted more receivers: 100 ms. The rest may be a
    /// node too new to be known, which mostly answers at once, or a process that was stopped, or a curious person, who never will. Then
    /// the collector looks who is there.
    static let grace = TimeAmount.milliseconds(100)

    private struct Entry {
        var pending: PendingReceipts
        let continuation: CheckedContinuation<Result<Answer, BrokerError>, Never>
    }

    private struct State {
        var entries: [PublicationID: Entry] = [:]
        var isFinishing = false
    }

    private let state = NIOLockedValueBox(State())
    private let eventLoop: any EventLoop
    private let directory: NodeDirectory
    private let refreshDirectory: @Sendable () async -> Void

    /// - Parameters:
    ///   - eventLoop: keeps the time.
    ///   - refreshDirectory: called where the broker reached more than the directory has; by default it knows all that there are.
    init(eventLoop: any EventLoop, directory: NodeDirectory, refreshDirectory: @escaping @Sendable () async -> Void = {}) {
        self.eventLoop = eventLoop
        self.directory = directory
        self.refreshDirectory = refreshDirectory
    }

    /// Publishes, and waits until all that got it have answered, or the time is up.
    /// - Parameters:
    ///   - expectsAll: whether every node that is there should answer; else only as many as the broker reached.
    ///   - publish: called once, with what it must tell of the outcome.
    func collect(
        _ id: PublicationID,
        expectsAll: Bool,
        timeout: TimeAmount,
        publish: (@escaping @Sendable (Result<PublishOutcome, BrokerError>) -> Void) -> Void
    ) async throws(BrokerError) -> Answer {
        var deadline: Scheduled<Void>?
        let result = await withCheckedContinuation { continuation in
            let entry = Entry(
                pending: PendingReceipts(expected: expectsAll ? self.directory.expected : nil),
                continuation: continuation
            )
            let isFinishing = self.state.withLockedValue { state in
                state.entries[id] = entry
                return state.isFinishing
            }
            deadline = self.eventLoop.scheduleTask(in: isFinishing ? min(timeout, Self.grace) : timeout) {
                self.apply(id) { $0.timeIsUp() }
            }
            publish { outcome in self.apply(id) { $0.published(outcome) } }
        }
        deadline?.cancel()
        return try result.get()
    }

    /// Receipts that nobody waits for, or no longer, are dropped.
    func received(_ receipts: [Receipt], from node: NodeID) {
        for receipt in receipts {
            self.apply(receipt.id) { $0.received(receipt.connections, from: node) }
        }
    }

    /// Ends every wait with what has come so far. Those that begin later last for ``grace`` at most.
    func finishAll() {
        let ids = self.state.withLockedValue { state in
            state.isFinishing = true
            return Array(state.entries.keys)
        }
        for id in ids { self.apply(id) { $0.timeIsUp() } }
    }

    private func look(_ id: PublicationID) {
        guard self.state.withLockedValue({ $0.entries[id] != nil }) else { return }
        Task {
            await self.refreshDirectory()
            let expected = self.directory.expected
            self.apply(id) { $0.looked(expected: expected) }
        }
    }

    private func apply(_ id: PublicationID, _ change: (inout PendingReceipts) -> PendingReceipts.Action) {
        let (action, entry) = self.state.withLockedValue { state in
            guard var entry = state.entries[id] else { return (PendingReceipts.Action.wait, nil as Entry?) }
            let action = change(&entry.pending)
            if case .finish = action { state.entries[id] = nil } else { state.entries[id] = entry }
            return (action, entry)
        }
        switch action {
        case .wait: break
        case .waitForGrace:
            self.eventLoop.scheduleTask(in: Self.grace) { self.look(id) }
        case .finish(let result):
            entry?.continuation.resume(returning: result)
        }
    }
}
