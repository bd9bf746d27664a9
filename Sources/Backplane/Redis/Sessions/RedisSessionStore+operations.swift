extension RedisSessionStore {
    /// New sessions that follow each other are created by one script.
    public func execute(
        _ operations: [SequencedOperation],
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> [Observed<OperationAnswer>] {
        var calls: [RedisSessionScripts.Call] = []
        var counts: [Int] = []
        for group in operations.inGroups {
            let attachments = group.compactMap(\.attachment)
            let (first, sequence) = (group[0].operation, group[0].sequence)
            let (script, arguments) =
                attachments.isEmpty
                ? SessionArguments.of(first, as: sequence, of: caller.node, limits: self.limits)
                : (.attach, SessionArguments.attach(attachments, self.limits))
            calls.append(RedisSessionScripts.Call(script: script, arguments: arguments, sequence: sequence))
            counts.append(attachments.count)
        }
        var answers: [Observed<OperationAnswer>] = []
        for (reply, count) in zip(try await self.scripts.evaluate(calls, from: caller), counts) {
            for answer in count > 0 ? try reply.operationAnswers(count) : [try reply.operationAnswer] {
                answers.append(Observed(position: reply.position, loss: reply.loss, answer: answer))
            }
        }
        return answers
    }
}

extension SequencedOperation {
    fileprivate var attachment: SessionAttachment? {
        if case .attach(let attachment) = self.operation { attachment } else { nil }
    }
}

extension [SequencedOperation] {
    /// New sessions with consecutive sequences together, everything else alone.
    fileprivate var inGroups: [[SequencedOperation]] {
        var groups: [[SequencedOperation]] = []
        for next in self {
            if next.attachment != nil, let last = groups.last?.last, last.attachment != nil,
                next.sequence == OperationSequence(number: last.sequence.number + 1, previous: last.sequence.number)
            {
                groups[groups.count - 1].append(next)
            } else {
                groups.append([next])
            }
        }
        return groups
    }
}
