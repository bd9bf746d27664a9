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
            state: request.handlerState.flatMap { $0.isEmpty ? nil : $0 },
            cookies: request.handlerCookies
        )
        connection.state.events = events
        guard let handler = handlers.settings(of: connection.hub)?.handler(of: .connected) else { return }
        let event = CloudEvent.connected(events.sender(connection), cookies: events.cookies(for: handler))
        let presence = self.listing.presence
        handlers.began()
        events.connected = Task {
            await presence.flushed()
            await handlers.notify(event, to: handler)
            handlers.ended()
        }
    }

    /// Tells a handler that a connection has ended, after all of its other events.
    func tellDisconnected(_ connection: Connection) {
        guard let handlers, let events = connection.state.events else { return }
        self.inTurn(connection, taking: handlers) { connection, ended in
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
            return self.inTurn(connection) { _ in done(.failure(.failed)) }
        }
        self.inTurn(connection, taking: handlers) { connection, ended in
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
                let result = await Self.ask(handlers, handler, cloudEvent)
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

    private static func ask(
        _ handlers: EventHandlers,
        _ handler: EventHandler,
        _ event: CloudEvent
    ) async -> Result<(HandlerAnswer, state: String?, EventAnswer), EventFailure> {
        do throws(EventFailure) {
            let answer = try await handlers.send(event, to: handler)
            return .success((answer, try answer.state, try EventAnswer(answer)))
        } catch {
            return .failure(error)
        }
    }

    /// Sends the answer of a handler to the client, as a message to its connection.
    private func send(_ answer: EventAnswer, to connection: Connection) {
        guard let payload = answer.payload else { return }
        let audience = HubAudience(hub: connection.hub, audience: .connection(connection.id))
        let publication = self.publisher.answer(payload, answer.metadata, to: audience)
        _ = connection.shard.deliver(FanOut(EncodedBatch([publication]), to: audience, bytes: publication.messageBytes) { _ in })
    }

    /// Carries out an action that takes time: in its turn, and those behind it after its end. Until then it counts as unfinished.
    /// - Parameter run: begins it, and calls its second argument when it has ended.
    private func inTurn(
        _ connection: Connection,
        taking handlers: EventHandlers,
        _ run: @escaping (Connection, _ ended: @escaping () -> Void) -> Void
    ) {
        let waiting = connection.state.waiting ?? WaitingActions()
        connection.state.waiting = waiting
        handlers.began()
        waiting.appendLong { number in
            run(connection) {
                handlers.ended()
                waiting.ended(number)
                Self.goOn(waiting)
            }
        }
        Self.goOn(waiting)
    }
}
