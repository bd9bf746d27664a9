import Foundation
import NIOConcurrencyHelpers

/// What a client has received, and who waits for it.
final class HubTestInbox: Sendable {
    struct Message: Decodable {
        let id: Int?
        let event: String?
        let ask: String?
        let end: Bool?
        let error: String?
        let closing: String?
        /// As it came.
        var text = ""

        enum CodingKeys: CodingKey { case id, event, ask, end, error, closing }
    }

    private struct State {
        var messages: [Message] = []
        var isEnded = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = NIOLockedValueBox(State())

    func received(_ text: String?) {
        let waiters = self.state.withLockedValue { state in
            if let text, var message = try? JSONDecoder().decode(Message.self, from: Data(text.utf8)) {
                message.text = text
                state.messages.append(message)
            }
            if text == nil { state.isEnded = true }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Removes the first message of a kind, as soon as there is one.
    /// - Returns: nil when the connection has ended, or after the timeout.
    func take(within timeout: Duration, _ isMeant: (Message) -> Bool) async -> Message? {
        let limit = Task {
            try await Task.sleep(for: timeout)
            self.received("")
        }
        defer { limit.cancel() }
        let end = ContinuousClock.now + timeout
        while true {
            let (message, isOver) = self.state.withLockedValue { state -> (Message?, Bool) in
                let index = state.messages.firstIndex(where: isMeant)
                return (index.map { state.messages.remove(at: $0) }, state.isEnded || ContinuousClock.now >= end)
            }
            if message != nil || isOver { return message }
            await self.wait(isMeant)
        }
    }

    private func wait(_ isMeant: (Message) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isReady = self.state.withLockedValue { state in
                if state.isEnded || state.messages.contains(where: isMeant) { return true }
                state.waiters.append(continuation)
                return false
            }
            if isReady { continuation.resume() }
        }
    }
}
