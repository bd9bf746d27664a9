import NIOCore
import VolaryProtocol

/// Events of connections for the handlers of their hubs.
extension PubSubRelay {
    // MARK: - Life

    /// Tells a handler that a connection is open, once every node finds it.
    func tellConnected(_ connection: Connection, _ request: ConnectRequest) {
        guard let handlers else { return }
        let events = ConnectionEvents(
            subprotocol: request.subprotocol,
            state: request.handlerState,
            cookies: request.handlerCookies
        )
        connection.state.events = events
        let presence = self.listing.presence
        handlers.tellConnected(connection, events) { await presence.flushed() }
    }

    /// Tells a handler that a connection has ended, after all of its other events.
    func tellDisconnected(_ connection: Connection) {
        guard let handlers, let events = connection.state.events else { return }
        connection.inTurn(counting: handlers) { connection, ended in
            guard let handler = handlers.settings(of: connection.hub)?.handler(of: .disconnected) else { return ended() }
            let event = CloudEvent.disconnected(
                events.sender(connection),
                number: events.takeNumber(),
                reason: events.endReason ?? "",
                cookies: events.cookies(for: handler)
            )
            let connected = events.connected
            handlers.began()
            Task {
                await connected?.value
                await handlers.notify(event, to: handler)
                handlers.ended()
            }
            ended()
        }
    }

    // MARK: - Events of the client

    /// Passes an event on in its turn. The actions behind it wait for the answer.
    func pass(_ event: ClientEvent, of connection: Connection, _ done: ActionCompletion) {
        guard let handlers, let events = connection.state.events else {
            return connection.inTurn { _ in done(.failure(.failed)) }
        }
        connection.inTurn(counting: handlers) { connection, ended in
            guard let handler = handlers.settings(of: connection.hub)?.handler(of: event.name) else {
                done(.failure(.failed))
                return ended()
            }
            let cloudEvent = CloudEvent(
                event,
                from: events.sender(connection),
                number: events.takeNumber(),
                cookies: events.cookies(for: handler)
            )
            let eventLoop = connection.shard.eventLoop
            let bound = NIOLoopBound((connection, events, ended), eventLoop: eventLoop)
            Task {
                let result = await handlers.ask(handler, cloudEvent)
                eventLoop.execute {
                    let (connection, events, ended) = bound.value
                    switch result {
                    case .success(let (answer, state, message)):
                        events.answered(state: state, answer.fields, by: handler)
                        self.send(message, to: connection)
                        done(.success(()))
                    case .failure: done(.failure(.failed))
                    }
                    ended()
                }
            }
        }
    }

    /// Sends the answer of a handler to the client, as a message to its connection.
    private func send(_ answer: EventAnswer, to connection: Connection) {
        guard let payload = answer.payload else { return }
        let audience = HubAudience(hub: connection.hub, audience: .connection(connection.id))
        let publication = self.publisher.answer(payload, answer.metadata, to: audience)
        let batch = EncodedBatch([PlacedPublication(publication)])
        _ = connection.shard.deliver(FanOut(batch, to: audience, bytes: publication.messageBytes) { _ in })
    }
}
