import DequeModule
import NIOCore
import OrderedCollections
import VolaryProtocol

/// Sessions begin and end on this node.
extension HubSessions {
    /// Opens the link with the first session.
    func begin() {
        guard self.link == nil else { return }
        self.link = self.openLink()
        self.startTimer()
    }

    func openLink() -> any HubLink {
        self.service.openLink(self.hub, self.node) { [weak self] in self?.turn { $0.receive() } }
    }

    // MARK: - New sessions

    /// Writes the records of sessions all of whose topics are subscribed to.
    func sendAttachments() {
        for (id, pending) in self.attachments where !pending.isSent && self.follower.isConfirmed(id) {
            self.attachments[id]?.isSent = true
            self.send(.attach(pending.attachment)) { [self] answer, _ in
                self.attached(pending.attachment, pending.handle, answer)
            }
        }
    }

    private func attached(_ attachment: SessionAttachment, _ handle: SessionHandle, _ answer: OperationAnswer) {
        let id = attachment.connection
        guard let pending = self.attachments[id], pending.handle === handle else {
            // The client has given up.
            if case .attached(let fence) = answer {
                self.remove(OwnedSession(connection: id, fence: fence), reason: EndedSession.neverOpened)
            }
            return
        }
        guard case .attached(let fence) = answer else { return self.abandonAttachment(of: handle) }
        self.attachments[id] = nil
        self.update { $0.attached(id, fence, groups: attachment.groups, now: self.now(), into: &$1) }
        pending.done(self.handles[id] === handle ? handle : nil)
    }

    /// Gives up what the store has not answered in time.
    func abandonLateAttachments() {
        let now = self.loop.now
        for pending in self.attachments.values where pending.deadline <= now { self.abandonAttachment(of: pending.handle) }
    }

    /// Does nothing once the record is written.
    func abandonAttachment(of handle: SessionHandle) {
        guard let pending = self.attachments[handle.id], pending.handle === handle else { return }
        self.attachments[handle.id] = nil
        self.handles[handle.id] = nil
        self.update { $0.forget(handle.id, into: &$1) }
        pending.done(nil)
    }

    // MARK: - Claimed sessions

    func claimed(_ record: SessionRecord, _ client: any SessionClient, _ answer: OneAnswer<Claim>) {
        guard answer.isOpen else {
            self.follower.depart(record)
            return self.detach(OwnedSession(connection: record.id, fence: record.fence))
        }
        // The former transport may be one of this node.
        if let former = self.handles[record.id] { self.end(former, .cut) }
        let handle = SessionHandle(record.id, client: client)
        self.handles[record.id] = handle
        self.update { $0.claimed(record, client: client, into: &$1) }
        if self.handles[record.id] === handle { answer.give(.claimed(handle, record)) } else { answer.give(.never) }
    }

    // MARK: - Ends

    /// The session of a client without transport, once its requests are carried out.
    func release(_ handle: SessionHandle, _ fence: Fence, _ loss: SessionHandle.Loss) {
        let owned = OwnedSession(connection: handle.id, fence: fence)
        let checkpoint = self.follower.sessions[handle.id]?.takeCheckpoint()
        self.handles[handle.id] = nil
        if loss == .detaches { self.follower.depart(handle.id) }
        self.update { $0.forget(handle.id, into: &$1) }
        switch loss {
        case .detaches:
            if let checkpoint { self.acknowledge([SessionAcknowledgement(session: owned, checkpoint: checkpoint)]) }
            self.detach(owned)
        case .removes(let reason): self.remove(owned, reason: reason)
        }
    }

    func ended(_ id: ConnectionID, _ fence: Fence?, _ end: SessionEnd) {
        self.flush()
        if let pending = self.attachments.removeValue(forKey: id) { pending.done(nil) }
        let owned = fence.map { OwnedSession(connection: id, fence: $0) }
        let ending: SessionEnding
        switch end {
        case .unrecoverable(let failure):
            self.host.sessionFailed(failure)
            if let owned { self.remove(owned, reason: EndedSession.notRecoverable) }
            ending = .unrecoverable
        case .cut:
            if let owned { self.detach(owned) }
            ending = .cut
        case .fenced: ending = .cut
        case .closed(let reason): ending = .closed(reason: reason)
        }
        if let handle = self.handles[id] { self.end(handle, ending) }
    }

    /// The client is told first, so that no result of a request reaches it.
    private func end(_ handle: SessionHandle, _ ending: SessionEnding) {
        self.handles[handle.id] = nil
        self.busy.remove(handle.id)
        handle.client.ended(ending)
        for waiting in handle.waiting { waiting.request.done(.failure(.unreachable)) }
        handle.waiting = []
    }
}
