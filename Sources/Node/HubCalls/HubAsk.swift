import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// A call that a client has to answer. Ends once.
final class HubAsk: Sendable {
    typealias Answer = Result<HubData?, HubAskError>

    private enum State {
        case began
        case waits(CheckedContinuation<Answer, Never>)
        case ended(Answer)
    }

    private let state = NIOLockedValueBox(State.began)

    /// Waits for the end.
    func answer() async -> Answer {
        await withCheckedContinuation { continuation in
            let answer: Answer? = self.state.withLockedValue { state in
                if case .ended(let answer) = state { return answer }
                state = .waits(continuation)
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }

    /// Only the first end counts.
    func end(_ answer: Answer) {
        let waiter: CheckedContinuation<Answer, Never>? = self.state.withLockedValue { state in
            switch state {
            case .ended: return nil
            case .began:
                state = .ended(answer)
                return nil
            case .waits(let continuation):
                state = .ended(answer)
                return continuation
            }
        }
        waiter?.resume(returning: answer)
    }
}

extension ConnectionCalls {
    /// Calls a method of a client and waits for its answer.
    static func ask(
        _ target: String,
        _ arguments: [HubData],
        of connection: NIOLoopBound<Connection>,
        on eventLoop: any EventLoop,
        timeout: Duration
    ) async throws(HubAskError) -> HubData? {
        let ask = HubAsk()
        guard let id = AckID(UTF8Text("volary-\(UInt64.random(in: 0 ... .max))")) else { throw .ended }
        eventLoop.execute { connection.value.state.calls?.begin(ask, id, target, arguments) ?? ask.end(.failure(.ended)) }
        let limit = eventLoop.scheduleTask(in: TimeAmount(timeout)) { ask.end(.failure(.timedOut)) }
        let answer = await withTaskCancellationHandler {
            await ask.answer()
        } onCancel: {
            ask.end(.failure(.ended))
        }
        limit.cancel()
        if case .failure = answer { eventLoop.execute { connection.value.state.calls?.forget(id) } }
        return try answer.get()
    }
}
