import VolaryProtocol

/// How a call has ended.
struct HubCallOutcome: Sendable {
    let reply: HubReply.Outcome
    /// For the log: what the client is not told.
    let error: (any Error)?

    /// Of a call whose client is gone.
    static let canceled = HubCallOutcome(reply: .end, error: nil)
}

extension HubDispatcher {
    /// Carries out a call and encodes its result.
    func outcome(of call: HubCall, isStream: Bool) async -> HubCallOutcome {
        do {
            let result = try await self.call(call)
            if isStream { return HubCallOutcome(reply: .end, error: nil) }
            switch result {
            case .void: return HubCallOutcome(reply: .void, error: nil)
            case .value(let value):
                return HubCallOutcome(reply: .value(try value.encoded(as: call.caller.format)), error: nil)
            }
        } catch let failure as HubFailure {
            return HubCallOutcome(reply: .failure(failure.text(call.target)), error: nil)
        } catch is CancellationError where isStream && Task.isCancelled {
            return .canceled
        } catch {
            let failure = isStream ? HubFailure.streamFailed(nil) : .failed(nil)
            return HubCallOutcome(reply: .failure(failure.text(call.target)), error: error is CancellationError ? nil : error)
        }
    }
}
