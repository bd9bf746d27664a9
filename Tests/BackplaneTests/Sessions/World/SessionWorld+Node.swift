import VolaryProtocol

@testable import VolaryBackplane

/// What a node does with answers, and for its connections.
extension SessionWorld {
    func act(_ node: Int, _ body: (inout SimulatedNode, inout SessionOutput) -> Void) {
        var output = SessionOutput()
        body(&self.nodes[node], &output)
        for action in output.actions { self.perform(action, node) }
    }

    private func perform(_ action: SessionAction, _ node: Int) {
        switch action {
        case .subscribe(let topics): self.nodes[node].linkRequests.append(.subscribe(topics))
        case .unsubscribe(let topics): self.nodes[node].linkRequests.append(.unsubscribe(topics))
        case .read(let read, let attempt): self.nodes[node].requests.append(.read(read, attempt: attempt))
        case .vouch(let sessions, let epoch): self.nodes[node].requests.append(.vouch(sessions, epoch: epoch))
        case .observe: self.nodes[node].requests.append(.mark)
        case .permissions: break
        case .deliver(let publication, let receivers):
            guard publication.expiresAt.map({ $0 > self.now }) ?? true else { return }
            for receiver in receivers {
                guard let client = receiver.client as? NamedClient else { continue }
                self.send(.message(receiver.sequence, publication.text), to: client.id, node)
            }
        case .end(let id, let fence, let end):
            self.nodes[node].connections[id]?.inbox = []
            switch end {
            case .unrecoverable(let reason):
                if let fence { self.nodes[node].requests.append(.remove(OwnedSession(connection: id, fence: fence))) }
                self.check1008(reason, id)
                self.send(.ended, to: id, node)
            case .cut:
                if let fence { self.nodes[node].requests.append(.detach(OwnedSession(connection: id, fence: fence))) }
                self.send(.cut, to: id, node)
            case .fenced: self.send(.cut, to: id, node)
            case .closed: self.send(.ended, to: id, node)
            }
            self.nodes[node].connections[id] = nil
        }
    }

    private func check1008(_ reason: SessionFailure, _ id: ConnectionID) {
        let isPermitted =
            switch reason {
            case .historyLost: self.permitted.contains(.lostHistory)
            case .trimmed: self.permitted.contains(.trimming)
            case .gone: !self.permitted.isDisjoint(with: [.closing, .lostHistory])
            case .gap: self.permitted.contains(.lostEntries)
            case .overflow, .acknowledgement, .unreadable: false
            }
        if !isPermitted { self.violations.append("1008 without a cause: \(reason)") }
    }

    private func send(_ answer: SimulatedClient.Answer, to id: ConnectionID, _ node: Int) {
        guard let client = self.nodes[node].connections[id]?.client, self.nodes[node].connections[id]?.isCut == false,
            self.connectedNode(of: client) == node
        else { return }
        self.clients[client].down.append(answer)
    }

    // MARK: - Answers

    func arrived(_ answer: SimulatedNode.Answer, to request: Request, at position: Position, _ node: Int) {
        switch (request, answer) {
        case (.operation(let operation, let sequence), .operation(let answer)):
            self.arrived(answer, to: operation, sequence, at: position, node)
        case (.claim(let id, _, let transport), .claim(let answer)): self.arrived(answer, of: id, on: transport, node)
        case (.read(let read, let attempt), .read(let answer)):
            let now = self.now
            self.act(node) {
                $0.follower.read(answer, of: read.session.connection, attempt: attempt, now: now, into: &$1)
            }
        case (.vouch(let sessions, let epoch), .vouched(let answers)):
            self.act(node) { $0.follower.vouched(answers, for: sessions, epoch: epoch, into: &$1) }
        case (.compare, .numbers(let numbers)):
            self.act(node) { $0.follower.compare(numbers, at: position, into: &$1) }
        case (.acknowledge(let acknowledgements), .acknowledged(let answers)):
            for (acknowledgement, answer) in zip(acknowledgements, answers) {
                guard case .refused(let refusal) = answer else { continue }
                self.refused(refusal, acknowledgement.session, node)
            }
        default: break
        }
    }

    private func refused(_ refusal: SessionRefusal, _ session: OwnedSession, _ node: Int) {
        guard self.nodes[node].follower.sessions[session.connection]?.fence == session.fence else { return }
        self.act(node) { $0.follower.refused(refusal, session.connection, into: &$1) }
    }

    private func arrived(_ answer: ClaimAnswer, of id: ConnectionID, on transport: Int, _ node: Int) {
        guard let client = self.clients.firstIndex(where: { $0.id == id }) else { return }
        let isConnected = self.clients[client].node == self.nodes[node].id && self.clients[client].transport == transport
        switch answer {
        case .claimed(let record):
            self.nodes[node].connections[id] = .init(client: client, transport: transport, isCut: !isConnected)
            self.act(node) { $0.follower.claimed(record, client: NamedClient(id), into: &$1) }
            if isConnected { self.clients[client].down.append(.connected) }
        case .later: if isConnected { self.clients[client].lost() }
        case .never(let refusal):
            guard isConnected else { return }
            let isPermitted =
                switch refusal {
                case .trimmed: self.permitted.contains(.trimming)
                default: !self.permitted.isDisjoint(with: [.closing, .lostHistory])
                }
            // One that was told so before may not have heard it.
            if !isPermitted { self.violations.append("client \(client) refused without a cause: \(refusal)") }
            self.clients[client].down.append(.ended)
        }
    }

    private func arrived(
        _ answer: OperationAnswer,
        to operation: SessionOperation,
        _ sequence: OperationSequence,
        at position: Position,
        _ node: Int
    ) {
        if case .gap(let last) = answer { return self.resend(after: last, unlessUnderWay: sequence, node) }
        var refusal: SessionRefusal?
        if case .refused(let reason) = answer { refusal = reason }
        self.nodes[node].journal.answered(sequence.number, answer)
        if case .attach(let attachment) = operation { return self.attached(attachment, answer, node) }
        guard let writer = operation.writer else {
            if refusal == nil { self.confirm(operation) }
            return
        }
        let id = writer.connection
        let connection = self.nodes[node].connections[id]
        let message = connection?.outstanding?.sequence == sequence.number ? connection?.outstanding?.message : nil
        if message != nil { self.nodes[node].connections[id]?.outstanding = nil }
        guard self.nodes[node].follower.sessions[id]?.fence == writer.fence else { return }
        switch refusal {
        case nil:
            self.confirm(operation)
            self.act(node) { $0.follower.answered(id, at: position, into: &$1) }
            if !self.rules.contains(.effectAtControlEntry), case .change(let change) = operation {
                self.nodes[node].follower.sessions[id]?.changed(change.change, at: position.number)
                self.act(node) { $0.follower.refreshTopics(of: id, into: &$1) }
            }
            if let ackID = message?.ackID { self.send(.success(ackID), to: id, node) }
        case .unverified: if let message { self.nodes[node].connections[id]?.inbox.insert(message, at: 0) }
        case .full, .noReceiver: if let ackID = message?.ackID { self.send(.failure(ackID), to: id, node) }
        case .some(let refusal): self.act(node) { $0.follower.refused(refusal, id, into: &$1) }
        }
    }

    /// From now on the publication must be in the history, unless it is for one connection, which may be removed with its topic.
    private func confirm(_ operation: SessionOperation) {
        guard case .publish(let publication, _) = operation, !publication.isForOne else { return }
        self.confirmed.insert(publication.text)
    }

    private func resend(after last: UInt64, unlessUnderWay sequence: OperationSequence, _ node: Int) {
        let isUnderWay = self.nodes[node].requests.contains {
            if case .operation(_, let other) = $0 { other.number == sequence.number } else { false }
        }
        if !isUnderWay { self.resend(after: last, node) }
    }

    func resend(after last: UInt64, _ node: Int) {
        let follower = self.nodes[node].follower
        let again = self.nodes[node].journal.resend(after: last) { follower.sessions[$0.connection]?.fence == $0.fence }
        self.nodes[node].requests.removeAll { if case .operation = $0 { true } else { false } }
        self.nodes[node].requests += again.map { .operation($0.operation, $0.sequence) }
    }

    private func attached(_ attachment: SessionAttachment, _ answer: OperationAnswer, _ node: Int) {
        let id = attachment.connection
        guard case .attached(let fence) = answer, let client = self.nodes[node].connections[id]?.client else {
            // The client begins anew.
            if let client = self.nodes[node].connections[id]?.client { self.clients[client].lost() }
            self.nodes[node].connections[id] = nil
            self.act(node) { $0.follower.forget(id, into: &$1) }
            return
        }
        let now = self.now
        self.act(node) { $0.follower.attached(id, fence, groups: attachment.groups, now: now, into: &$1) }
        guard self.nodes[node].connections[id]?.isCut == false, self.connectedNode(of: client) == node else { return }
        self.clients[client].down.insert(.connected, at: 0)
    }

    // MARK: - Progress

    func attachIfConfirmed(_ node: Int) {
        for (id, attachment) in self.nodes[node].attaching.sorted(by: { $0.key < $1.key }) {
            guard self.nodes[node].follower.isConfirmed(id) else { continue }
            self.nodes[node].attaching[id] = nil
            _ = self.nodes[node].send(.attach(attachment))
        }
    }

    /// Carries out what the node's connections have waiting.
    func proceed(_ node: Int) {
        guard !self.nodes[node].isDead, !self.nodes[node].isFrozen else { return }
        self.attachIfConfirmed(node)
        for id in self.nodes[node].connections.keys.sorted() { self.proceed(id, node) }
    }

    private func proceed(_ id: ConnectionID, _ node: Int) {
        while let connection = self.nodes[node].connections[id], connection.outstanding == nil,
            let session = self.nodes[node].follower.sessions[id], let fence = session.fence, session.phase != .suspended
        {
            guard let message = connection.inbox.first else {
                // What was read is processed; then the session is detached.
                guard connection.isCut else { return }
                self.nodes[node].connections[id] = nil
                self.act(node) { $0.follower.forget(id, into: &$1) }
                self.nodes[node].requests.append(.detach(OwnedSession(connection: id, fence: fence)))
                return
            }
            let writer = SessionWriter(connection: id, fence: fence, ackID: message.ackID)
            let operation: SessionOperation
            switch message {
            case .acknowledge(let sequence):
                self.nodes[node].connections[id]?.inbox.removeFirst()
                self.act(node) { $0.follower.acknowledged(id, through: sequence, into: &$1) }
                continue
            case .send(_, let publication): operation = .publish(publication, from: writer)
            case .join(_, let group):
                var isReady = false
                self.act(node) { isReady = $0.follower.prepareJoin(group, of: id, into: &$1) }
                guard isReady else { return }
                operation = .change(SessionChange(.joined(group), by: writer))
            case .leave(_, let group): operation = .change(SessionChange(.left(group), by: writer))
            }
            self.nodes[node].connections[id]?.inbox.removeFirst()
            let sequence = self.nodes[node].send(operation)
            self.nodes[node].connections[id]?.outstanding = (sequence.number, message)
        }
    }
}

extension SimulatedNode {
    /// Whether something about a session is under way.
    func isBusy(with id: ConnectionID) -> Bool {
        if self.connections[id] != nil || self.attaching[id] != nil { return true }
        return (self.requests + self.answers.map(\.request)).contains { request in
            switch request {
            case .operation(.attach(let attachment), _): attachment.connection == id
            case .claim(let claimed, _, _): claimed == id
            case .detach(let session), .remove(let session), .take(let session): session.connection == id
            default: false
            }
        }
    }
}
