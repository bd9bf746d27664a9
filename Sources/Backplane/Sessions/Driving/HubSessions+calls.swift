import NIOCore
import VolaryProtocol

/// Calls of the store, and events of the link.
extension HubSessions {
    /// Pause before a call that had no answer is repeated.
    static let retryTime = TimeAmount.milliseconds(100)
    /// Events of the link in one turn.
    private static let eventsPerTurn = 256

    func call<Answer: Sendable>(
        _ request: @escaping @Sendable (any SessionStore, SessionCaller) async throws(SessionStoreError) -> Observed<Answer>,
        arrived: @escaping @Sendable (HubSessions, Answer, Position) -> Void,
        failed: @escaping @Sendable (HubSessions) -> Void
    ) {
        self.call(request) { sessions, observed in
            sessions.observe(observed.position, observed.loss)
            arrived(sessions, observed.answer, observed.position)
        } failed: { sessions in
            failed(sessions)
        }
    }

    /// - Parameter arrived: observes the positions of the answers first.
    func call<Answer: Sendable>(
        _ request: @escaping @Sendable (any SessionStore, SessionCaller) async throws(SessionStoreError) -> Answer,
        arrived: @escaping @Sendable (HubSessions, Answer) -> Void,
        failed: @escaping @Sendable (HubSessions) -> Void
    ) {
        let (store, caller) = (self.service.store, SessionCaller(hub: self.hub, node: self.node, seen: self.follower.seen))
        self.calls += 1
        Task {
            do throws(SessionStoreError) {
                let answer = try await request(store, caller)
                self.turn { sessions in
                    sessions.calls -= 1
                    arrived(sessions, answer)
                }
            } catch {
                self.turn { sessions in
                    sessions.calls -= 1
                    failed(sessions)
                }
            }
        }
    }

    func observe(_ position: Position, _ loss: EpochLoss?) {
        let epoch = self.follower.seen?.epoch
        self.update { $0.observed(position, loss, into: &$1) }
        guard let epoch, let loss, epoch != self.follower.seen?.epoch else { return }
        // The link may still be one to the former history.
        if let link {
            link.close()
            self.link = self.openLink()
            self.update { $0.linkWasRestored(into: &$1) }
        }
        if loss.isTotal { self.journal.forgetConfirmed() }
        self.resend(after: loss.lastOperation)
    }

    // MARK: - Actions

    func perform(_ action: SessionAction) {
        switch action {
        case .subscribe(let topics): self.link?.subscribe(to: topics)
        case .unsubscribe(let topics): self.link?.unsubscribe(from: topics)
        case .read(let read, let attempt): self.read(read, attempt)
        case .vouch(let sessions, let epoch): self.vouch(for: sessions, epoch)
        case .deliver(let publication, let receivers):
            self.deliveries.append(SessionDelivery(publication: publication, receivers: receivers))
        case .permissions(let id, let permissions):
            self.flush()
            self.handles[id]?.client.permissionsChanged(permissions)
        case .end(let id, let fence, let end): self.ended(id, fence, end)
        case .observe: self.mark()
        }
    }

    private func read(_ read: SessionRead, _ attempt: UInt64) {
        self.call { store, caller async throws(SessionStoreError) in
            try await store.read(read, from: caller)
        } arrived: { sessions, answer, _ in
            let now = sessions.now()
            sessions.update { $0.read(answer, of: read.session.connection, attempt: attempt, now: now, into: &$1) }
        } failed: { sessions in
            sessions.after(Self.retryTime) { sessions in
                guard sessions.follower.sessions[read.session.connection]?.phase == .reading(attempt: attempt) else { return }
                sessions.read(read, attempt)
            }
        }
    }

    private func vouch(for owned: [OwnedSession], _ epoch: UInt64) {
        self.call { store, caller async throws(SessionStoreError) in
            try await store.vouch(for: owned, in: epoch, from: caller)
        } arrived: { sessions, answers, _ in
            sessions.update { $0.vouched(answers, for: owned, epoch: epoch, into: &$1) }
        } failed: { sessions in
            sessions.after(Self.retryTime) { sessions in
                if sessions.follower.seen?.epoch == epoch { sessions.vouch(for: owned, epoch) }
            }
        }
    }

    func mark() {
        self.call { store, caller async throws(SessionStoreError) in
            try await store.mark(from: caller)
        } arrived: { _, _, _ in
        } failed: { _ in
        }
    }

    /// One that is not stored is part of a later one.
    func acknowledge(_ acknowledgements: [SessionAcknowledgement]) {
        self.call { store, caller async throws(SessionStoreError) in
            try await store.acknowledge(acknowledgements, from: caller)
        } arrived: { sessions, answers, _ in
            for (acknowledgement, answer) in zip(acknowledgements, answers) {
                let session = acknowledgement.session
                guard case .refused(let refusal) = answer,
                    sessions.follower.sessions[session.connection]?.fence == session.fence
                else { continue }
                sessions.update { $0.refused(refusal, session.connection, into: &$1) }
            }
        } failed: { _ in
        }
    }

    // MARK: - Ownership

    /// - Parameter session: has departed.
    func detach(_ session: OwnedSession) {
        self.repeatUntilAnswered { store, caller async throws(SessionStoreError) in
            try await store.detach(session, from: caller)
        } arrived: { sessions, answer in
            // An epoch has begun meanwhile.
            if answer == .refused(.unverified), let isUnharmed = sessions.follower.isUnharmed(session) {
                guard !isUnharmed else { return sessions.vouchForDeparted(session) }
                sessions.remove(session, reason: EndedSession.notRecoverable)
            }
            sessions.follower.departures[session] = nil
        }
    }

    private func vouchForDeparted(_ session: OwnedSession) {
        guard let epoch = self.follower.seen?.epoch else { return }
        self.repeatUntilAnswered { store, caller async throws(SessionStoreError) in
            try await store.vouch(for: [session], in: epoch, from: caller)
        } arrived: { sessions, _ in
            // If not even this epoch is the newest, the session is judged again.
            sessions.detach(session)
        }
    }

    /// With others, at the end of the turn.
    func remove(_ session: OwnedSession, reason: String) { self.removals.append(SessionRemoval(session, reason: reason)) }

    func removeNext() {
        guard !self.isRemoving, !self.removals.isEmpty else { return }
        self.isRemoving = true
        let some = Array(self.removals.prefix(SessionLimits.sessionsPerCall))
        self.removals.removeFirst(some.count)
        self.repeatUntilAnswered { store, caller async throws(SessionStoreError) in
            try await store.remove(some, from: caller)
        } arrived: { sessions, _ in
            sessions.isRemoving = false
        }
    }

    func take(_ session: OwnedSession) {
        self.repeatUntilAnswered { store, caller async throws(SessionStoreError) in
            try await store.take(session, from: caller)
        }
    }

    func expire(_ id: ConnectionID) {
        self.repeatUntilAnswered { store, caller async throws(SessionStoreError) in
            try await store.expire(id, from: caller)
        }
    }

    private func repeatUntilAnswered<Answer: Sendable>(
        _ request: @escaping @Sendable (any SessionStore, SessionCaller) async throws(SessionStoreError) -> Observed<Answer>,
        arrived: @escaping @Sendable (HubSessions, Answer) -> Void = { _, _ in }
    ) {
        self.call(request) { sessions, answer, _ in
            arrived(sessions, answer)
        } failed: { sessions in
            // Under way until it is answered.
            sessions.calls += 1
            sessions.after(Self.retryTime) {
                $0.calls -= 1
                $0.repeatUntilAnswered(request, arrived: arrived)
            }
        }
    }

    // MARK: - The link

    func receive() {
        guard let link else { return }
        let events = link.receive(upTo: Self.eventsPerTurn)
        for event in events { self.received(event) }
        if events.count == Self.eventsPerTurn { self.turn { $0.receive() } }
    }

    private func received(_ event: HubLinkEvent) {
        let now = self.now()
        guard let id = event.wantsReceipt else {
            self.update { $0.received(event, now: now, into: &$1) }
            if case .lost = event { self.update { $0.linkWasRestored(into: &$1) } }
            return
        }
        self.flush()
        self.update { $0.received(event, now: now, into: &$1) }
        let reached = self.deliveries.reduce(0) { $0 + $1.receivers.count }
        self.host.delivered(id, to: UInt32(reached))
    }
}

extension HubLinkEvent {
    /// What must be answered with a receipt, because the link counts as one of its receivers.
    fileprivate var wantsReceipt: PublicationID? {
        guard case .entry(let entry, _) = self else { return nil }
        switch entry.content {
        case .publication(let content): return content.publication.confirmation == .none ? nil : content.publication.id
        case .command(let id): return id
        case .control, .other, .unreadable: return nil
        }
    }
}
