import VolaryProtocol

@testable import VolaryBackplane

/// Calls with one operation or session.
extension SessionStore {
    func execute(
        _ operation: SessionOperation,
        as sequence: OperationSequence,
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<OperationAnswer> {
        try await self.execute([SequencedOperation(operation, as: sequence)], from: caller)[0]
    }

    func remove(
        _ session: OwnedSession,
        reason: String,
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<SessionAnswer> {
        let observed = try await self.remove([SessionRemoval(session, reason: reason)], from: caller)
        return Observed(position: observed.position, loss: observed.loss, answer: observed.answer[0])
    }
}
