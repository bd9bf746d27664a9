import VolaryProtocol

@testable import VolaryBackplane

extension SessionWorld {
    /// Lets everything happen that is under way, and clients come back, until nothing is left to do.
    func settle() async {
        for node in self.nodes.indices { self.nodes[node].isFrozen = false }
        for round in 0..<400 {
            var isQuiet = true
            for node in self.nodes.indices where !self.nodes[node].isDead {
                self.restoreLink(node)
                if round % 8 == 7 {
                    await self.sweep(node)
                    self.storeCheckpoints(node)
                    self.nodes[node].requests.append(.mark)
                    self.nodes[node].requests.append(.compare(self.nodes[node].follower.subscriptions.confirmed))
                }
                isQuiet = await self.drain(node) && isQuiet
            }
            for client in self.clients.indices where self.clients[client].isLive {
                if self.clients[client].node == nil, let node = self.nodes.firstIndex(where: { !$0.isDead }) {
                    self.connect(client, to: node)
                }
                while !self.clients[client].up.isEmpty, self.isRead(client) { self.read(client) }
                while !self.clients[client].down.isEmpty { self.receive(client) }
                if self.clients[client].isLive {
                    let isDone = self.clients[client].state == .connected && self.clients[client].unanswered.isEmpty
                    isQuiet = isQuiet && isDone && self.isFollowed(client)
                }
            }
            if isQuiet && round % 8 == 0 && round > 8 { return }
            self.advance(50)
        }
        let states = self.clients.map { client in
            let node = self.index(of: client.node)
            let phase = node.flatMap { self.nodes[$0].follower.sessions[client.id]?.phase }
            return "\(client.state) \(client.unanswered.count) at \(node ?? -1), \(phase.map { "\($0)" } ?? "not followed")"
        }
        self.violations.append("it does not settle: \(states)")
    }

    private func isRead(_ client: Int) -> Bool { self.connectedNode(of: client) != nil }

    private func isFollowed(_ client: Int) -> Bool {
        guard let node = self.connectedNode(of: client) else { return false }
        return self.nodes[node].follower.sessions[self.clients[client].id]?.phase == .following
    }

    /// - Returns: whether there was nothing to do.
    @discardableResult
    func drain(_ node: Int) async -> Bool {
        var isQuiet = true
        for _ in 0..<2000 {
            let heard = self.nodes[node].link.hasEvents
            let isBusy = !self.nodes[node].linkRequests.isEmpty || !self.nodes[node].requests.isEmpty
            guard isBusy || heard || !self.nodes[node].answers.isEmpty else { break }
            isQuiet = false
            await self.subscribe(node)
            await self.execute(node)
            await self.answer(node)
            self.hear(node)
            self.restoreLink(node)
        }
        return isQuiet
    }

    /// At rest: every client has everything, in order, or was told.
    func check() {
        for (index, client) in self.clients.enumerated() where client.isLive {
            let due = self.ghost.due(to: client.id)
            for (position, published) in due.enumerated() {
                let sequence = UInt64(position + 1)
                let text = client.received[sequence]
                if text == nil, published.publication.expiresAt != nil { continue }
                guard text != published.text else { continue }
                self.violations.append("client \(index): \(sequence) is \(text ?? "missing") and should be \(published.text)")
                break
            }
            if let last = client.received.keys.max(), last > UInt64(due.count) {
                self.violations.append("client \(index): has \(last) of \(due.count)")
            }
        }
        for published in self.ghost.published where self.ghost.count(of: published.text) > 1 {
            self.violations.append("\(published.text) is in the history twice")
        }
        guard !self.mayLoseConfirmed || !self.permitted.contains(.lostHistory) else { return }
        for client in self.clients where client.isLive {
            for text in client.succeeded where self.ghost.count(of: text) == 0 {
                self.violations.append("\(text) was confirmed and is not in the history")
            }
        }
        for text in self.confirmed.sorted() where self.ghost.count(of: text) == 0 && !self.isOfEnded(text) {
            self.violations.append("\(text) was confirmed and is not in the history")
        }
    }

    /// A client that was told that it cannot be resumed expects nothing.
    private func isOfEnded(_ text: String) -> Bool {
        self.clients.contains { client in
            !client.isLive
                && client.unanswered.contains { message in
                    if case .send(_, let publication) = message { publication.text == text } else { false }
                }
        } || self.journalLimit != nil
    }

    /// Settles, checks, and returns what is wrong.
    func finish() async -> [String] {
        await self.settle()
        self.check()
        return self.violations
    }
}
