import NIOConcurrencyHelpers
import NIOCore

/// What the node knows of one handler of one hub: whether it allows events, and whether it is down.
final class HandlerTarget: Sendable {
    private struct State {
        var protection = AbuseProtection()
        var breaker = CircuitBreaker()
        /// The question that is under way.
        var asking: Task<EventFailure?, Never>?
    }

    /// The URL that is asked for permission.
    let url: String
    private let state = NIOLockedValueBox(State())

    init(url: String) {
        self.url = url
    }

    /// Runs `body` if the handler allows events and is not suspended.
    /// - Parameters:
    ///   - isFirst: whether it is the first try of an event (``CircuitBreaker``).
    ///   - ask: asks the handler for permission. Events that arrive meanwhile wait for the same answer.
    func run<Value: Sendable>(
        isFirst: Bool,
        ask: @escaping @Sendable () async -> EventFailure?,
        _ body: () async throws(EventFailure) -> Value
    ) async throws(EventFailure) -> Value {
        let question = try self.begin(isFirst: isFirst, ask).get()
        do throws(EventFailure) {
            if let failure = await question?.value { throw failure }
            let value = try await body()
            self.ended(nil)
            return value
        } catch {
            self.ended(error)
            throw error
        }
    }

    /// Asks the handler for permission unless the last answer is still valid.
    func prepare(ask: @escaping @Sendable () async -> EventFailure?) async {
        guard let question = try? self.begin(isFirst: true, ask).get() else { return }
        self.ended(await question.value)
    }

    /// - Returns: the question to wait for; nil if none is needed. After a success, ``ended(_:)`` must be called.
    private func begin(
        isFirst: Bool,
        _ ask: @escaping @Sendable () async -> EventFailure?
    ) -> Result<Task<EventFailure?, Never>?, EventFailure> {
        self.state.withLockedValue { state in
            let step = state.protection.step(now: .now())
            if case .fail(let failure) = step { return .failure(failure == .notAllowed ? .notAllowed : .suspended) }
            guard !isFirst || state.breaker.begin(now: .now()) else { return .failure(.suspended) }
            guard step == .ask else { return .success(nil) }
            if let asking = state.asking { return .success(asking) }
            let asking = Task {
                let failure = await ask()
                self.state.withLockedValue { state in
                    state.asking = nil
                    state.protection.answered(failure, now: .now())
                }
                return failure
            }
            state.asking = asking
            return .success(asking)
        }
    }

    private func ended(_ failure: EventFailure?) {
        self.state.withLockedValue { $0.breaker.ended(isOutage: failure?.isOutage ?? false, now: .now()) }
    }
}
