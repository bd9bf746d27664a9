import DequeModule
import OrderedCollections
import VolaryProtocol

/// Writing operations: one at a time, in the order of their sequences; of each session, one after the answer to the one before.
extension HubSessions {
    /// Sends the next request of each session.
    func proceed() {
        for id in Array(self.busy) { self.proceed(id) }
    }

    private func proceed(_ id: ConnectionID) {
        guard let handle = self.handles[id], !handle.isWriting else {
            // The answer to an operation makes its session busy again.
            _ = self.busy.remove(id)
            return
        }
        guard let session = self.follower.sessions[id], let fence = session.fence,
            session.phase != .suspended
        else { return }
        guard let request = handle.waiting.first?.request else {
            self.busy.remove(id)
            if let loss = handle.loss { self.release(handle, fence, loss) }
            return
        }
        if case .join(let group) = request.action {
            var isReady = false
            self.update { isReady = $0.prepareJoin(group, of: id, into: &$1) }
            guard isReady else { return }
        }
        handle.waiting.removeFirst()
        guard let operation = request.operation(of: SessionWriter(connection: id, fence: fence, ackID: request.ackID)) else {
            request.done(.success(()))
            return self.proceed(id)
        }
        handle.isWriting = true
        self.send(operation) { [self] answer, position in
            handle.isWriting = false
            self.answered(request, of: handle, fence, answer, position)
        }
    }

    private func answered(
        _ request: SessionRequest,
        of handle: SessionHandle,
        _ fence: Fence,
        _ answer: OperationAnswer,
        _ position: Position
    ) {
        let id = handle.id
        let isCurrent = self.handles[id] === handle && self.follower.sessions[id]?.fence == fence
        if isCurrent { self.busy.append(id) }
        switch answer {
        case .executed, .alreadyExecuted, .attached, .duplicate:
            if isCurrent { self.update { $0.answered(id, at: position, into: &$1) } }
            request.done(answer == .duplicate ? .failure(.duplicate) : .success(()))
        case .refused(.unverified) where isCurrent:
            // Again once the store has the word of this node.
            let deadline = self.now() + SessionLimits.catchUpTimeout.milliseconds
            handle.waiting.prepend(SessionHandle.Waiting(request: request, deadline: deadline))
        case .refused(.full), .refused(.noReceiver):
            if isCurrent, case .join(let group) = request.action {
                self.follower.sessions[id]?.pending.remove(.group(group))
                self.update { $0.refreshTopics(of: id, into: &$1) }
            }
            request.done(.failure(request.failure))
        case .refused(let refusal):
            // First the end of the session, so that its client gets no result.
            if isCurrent { self.update { $0.refused(refusal, id, into: &$1) } }
            request.done(.failure(.unreachable))
        case .gap: break
        }
    }

    /// Fails requests whose subscription takes too long.
    func failLateRequests(now: Int64) {
        for id in self.busy {
            guard let handle = self.handles[id], !handle.isWriting, let first = handle.waiting.first, first.deadline < now else {
                continue
            }
            handle.waiting.removeFirst()
            first.request.done(.failure(.unreachable))
        }
    }

    // MARK: - Operations

    func send(_ operation: SessionOperation, done: @escaping (OperationAnswer, Position) -> Void) {
        let sequence = self.journal.add(operation)
        self.completions[sequence.number] = done
        self.operations.append(SequencedOperation(operation, as: sequence))
    }

    func executeNext() {
        guard !self.isExecuting, !self.operations.isEmpty else { return }
        self.isExecuting = true
        let some = self.operations.forOneCall
        self.call { store, caller async throws(SessionStoreError) in
            try await store.execute(some, from: caller)
        } arrived: { sessions, answers in
            for (one, observed) in zip(some, answers) {
                sessions.observe(observed.position, observed.loss)
                guard case .gap(let last) = observed.answer else {
                    sessions.executed(one.sequence, observed.answer, observed.position)
                    continue
                }
                sessions.resend(after: last)
                // Whatever follows a gap is one, too.
                break
            }
            if answers.count == some.count { sessions.isExecuting = false } else { sessions.executeLater() }
        } failed: { sessions in
            sessions.executeLater()
        }
    }

    /// What had no answer may have been executed. The same sequences are sent again, before all later ones.
    private func executeLater() { self.after(Self.retryTime) { $0.isExecuting = false } }

    private func executed(_ sequence: OperationSequence, _ answer: OperationAnswer, _ position: Position) {
        if self.operations.first?.sequence.number == sequence.number {
            self.operations.removeFirst()
        } else {
            // They were put together anew meanwhile.
            self.operations.removeAll { $0.sequence.number == sequence.number }
        }
        self.journal.answered(sequence.number, answer)
        self.completions.removeValue(forKey: sequence.number)?(answer, position)
    }

    /// Sends everything again that the store lacks.
    func resend(after last: UInt64) {
        let sessions = self.follower.sessions
        let lost = self.journal.lost
        self.operations = []
        for again in self.journal.resend(after: last, isFollowed: { sessions[$0.connection]?.fence == $0.fence }) {
            self.operations.append(SequencedOperation(again.operation, as: again.sequence))
        }
        if self.journal.lost > lost { self.host.operationsLost(self.journal.lost - lost) }
    }
}

extension Deque<SequencedOperation> {
    /// As many of the first ones as one call of the store takes.
    var forOneCall: [SequencedOperation] {
        var (some, bytes): ([SequencedOperation], Int) = ([], 0)
        for next in self.prefix(SessionLimits.operationsPerCall) {
            bytes += next.operation.bytes
            guard some.isEmpty || bytes <= SessionLimits.operationBytesPerCall else { break }
            some.append(next)
        }
        return some
    }
}
