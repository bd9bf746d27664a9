import NIOConcurrencyHelpers
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Waits for the receipts of publications and commands that this node has sent. Used from any thread.
final class ReceiptCollector: Sendable {
    /// The receipts at the end of the wait.
    struct Answer: Sendable {
        /// Also `.degraded` when the broker had not reported an outcome by the end of the wait.
        let outcome: PublishOutcome
        /// Connections reached, by node.
        let receipts: [NodeID: UInt32]
        /// Receipts, of which a node may send two.
        let count: Int

        /// - Parameter count: nil: one of each node.
        init(outcome: PublishOutcome, receipts: [NodeID: UInt32], count: Int? = nil) {
            self.outcome = outcome
            self.receipts = receipts
            self.count = count ?? receipts.count
        }
    }

    /// How long to wait on once every known node has answered but the broker counted more receivers: 100 ms. The others may be a
    /// node that has just started, which usually answers at once, or a stopped process or another Redis client, which never will.
    /// Then the directory is refreshed.
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
    ///   - refreshDirectory: called when the broker reached more nodes than the directory contains.
    init(eventLoop: any EventLoop, directory: NodeDirectory, refreshDirectory: @escaping @Sendable () async -> Void = {}) {
        self.eventLoop = eventLoop
        self.directory = directory
        self.refreshDirectory = refreshDirectory
    }

    /// Publishes, and waits until all receivers have answered, or until the timeout.
    /// - Parameters:
    ///   - expectsAll: whether every live node must answer; otherwise as many nodes as the broker reached.
    ///   - publish: called once. It must report the outcome to its argument.
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
                self.apply(id) { $0.timedOut() }
            }
            publish { outcome in self.apply(id) { $0.published(outcome) } }
        }
        deadline?.cancel()
        return try result.get()
    }

    /// Receipts for which there is no pending wait are dropped.
    func received(_ receipts: [Receipt], from node: NodeID) {
        for receipt in receipts {
            self.apply(receipt.id) { $0.received(receipt.connections, from: node) }
        }
    }

    /// Ends every wait with the receipts received so far. Waits that begin later last at most ``grace``.
    func finishAll() {
        let ids = self.state.withLockedValue { state in
            state.isFinishing = true
            return Array(state.entries.keys)
        }
        for id in ids { self.apply(id) { $0.timedOut() } }
    }

    private func refreshNodes(_ id: PublicationID) {
        guard self.state.withLockedValue({ $0.entries[id] != nil }) else { return }
        Task {
            await self.refreshDirectory()
            let expected = self.directory.expected
            self.apply(id) { $0.refreshed(expected: expected) }
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
            self.eventLoop.scheduleTask(in: Self.grace) { self.refreshNodes(id) }
        case .finish(let result):
            entry?.continuation.resume(returning: result)
        }
    }
}
