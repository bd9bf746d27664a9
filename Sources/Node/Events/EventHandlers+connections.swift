import VolaryProtocol

/// Events of open connections of any kind.
extension EventHandlers {
    /// Tells the handler that a connection is open.
    /// - Parameter found: waits until every node finds the connection.
    func tellConnected(_ connection: Connection, _ events: ConnectionEvents, after found: @escaping @Sendable () async -> Void) {
        guard let handler = self.settings(of: connection.hub)?.handler(of: .connected) else { return }
        let event = CloudEvent.connected(events.sender(connection), cookies: events.cookies(for: handler))
        self.began()
        events.connected = Task {
            await found()
            await self.notify(event, to: handler)
            self.ended()
        }
    }

    /// Sends an event of a client.
    /// - Returns: the answer with the state and the message that it contains.
    func ask(
        _ handler: EventHandler,
        _ event: CloudEvent
    ) async -> Result<(HandlerAnswer, state: String?, EventAnswer), EventFailure> {
        do throws(EventFailure) {
            let answer = try await self.send(event, to: handler)
            return .success((answer, try answer.state, try EventAnswer(answer)))
        } catch {
            return .failure(error)
        }
    }
}
