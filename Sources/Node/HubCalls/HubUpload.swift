import DequeModule
import NIOConcurrencyHelpers
public import VolaryProtocol

/// The items that a client sends with a call, in order. Read by one task.
///
/// The node reads no more from the client while it has too many items that are not taken (``UnfinishedActions``).
public final class HubUpload: Sendable {
    private struct State {
        var items: Deque<(data: HubData, taken: ActionCompletion)> = []
        /// nil while items may come.
        var end: Result<Void, any Error>?
        var reader: CheckedContinuation<Void, Never>?
    }

    private let state = NIOLockedValueBox(State())

    init() {}

    /// - Returns: nil at the end of the stream.
    /// - Throws: ``HubUploadError`` if the client has failed the stream; `CancellationError` when the call has been canceled.
    public func next() async throws -> HubData? {
        while true {
            try Task.checkCancellation()
            let (item, end) = self.state.withLockedValue { ($0.items.popFirst(), $0.end) }
            if let item {
                item.taken(.success(()))
                return item.data
            }
            if let end {
                try end.get()
                return nil
            }
            await self.wait()
        }
    }

    private func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = self.state.withLockedValue { state in
                    guard state.items.isEmpty, state.end == nil, !Task.isCancelled else { return true }
                    state.reader = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            self.wake()
        }
    }

    private func wake() { self.state.withLockedValue { $0.reader.take() }?.resume() }

    /// - Parameter taken: called when the method has taken the item, or does not want it.
    func add(_ data: HubData, taken: ActionCompletion) {
        let isWanted = self.state.withLockedValue { state in
            guard state.end == nil else { return false }
            state.items.append((data, taken))
            return true
        }
        if isWanted { self.wake() } else { taken(.success(())) }
    }

    /// The client has ended the stream.
    func finish(_ end: Result<Void, any Error>) {
        self.state.withLockedValue { $0.end = $0.end ?? end }
        self.wake()
    }

    /// The call has ended.
    func drop() {
        let items = self.state.withLockedValue { state in
            state.end = .success(())
            defer { state.items = [] }
            return state.items
        }
        for item in items { item.taken(.success(())) }
        self.wake()
    }
}

/// The client has failed a stream that it uploads.
public struct HubUploadError: Error, Hashable, Sendable {
    /// The client's words.
    public let text: String
}
