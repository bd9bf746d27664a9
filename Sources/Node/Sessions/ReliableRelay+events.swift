import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Events of resumable connections for the handlers of their hubs. ``EndTeller`` sends `disconnected`.
extension ReliableRelay {
    /// Events of one transport that change nothing in the store, between two that do.
    ///
    /// The number of an event, `ce-id`, is unique in its connection and rises, whichever nodes the client uses. On the first transport
    /// the numbers go on from 2. On a later one they begin at the number of its claim in the hub's order, times 2^16. Whoever claims
    /// the session next gets a higher number: what a client changes raises the order's number, and so does each 2^16th of its events.
    private static let numbersPerPosition: UInt64 = 1 << 16

    func beginEvents(_ connection: Connection, _ request: ConnectRequest, _ ticket: SessionTicket) {
        guard self.handlers != nil else { return }
        connection.state.events = ConnectionEvents(
            subprotocol: ticket.record?.protocol ?? request.subprotocol,
            state: request.handlerState,
            cookies: request.handlerCookies,
            firstNumber: ticket.record.map { $0.fence.position.number * Self.numbersPerPosition } ?? 2
        )
    }

    /// Passes an event on in its turn, after what the client sent before it is carried out. The actions behind it wait for the answer.
    func pass(
        _ event: ClientEvent,
        _ ackID: AckID?,
        of connection: Connection,
        _ session: ResumableClient.Session,
        _ done: ActionCompletion
    ) {
        guard let handlers, let events = connection.state.events else {
            return connection.inTurn { _ in done(.failure(.failed)) }
        }
        connection.inTurn(counting: handlers) { connection, ended in
            func fail(_ failure: ActionFailure) {
                done(.failure(failure))
                ended()
            }
            // Answered before the client resumed the connection, perhaps on another node.
            if let ackID, session.acknowledged.contains(ackID) { return fail(.duplicate) }
            guard let handler = handlers.settings(of: connection.hub)?.handler(of: event.name) else { return fail(.failed) }
            let cloudEvent = CloudEvent(
                event,
                from: events.sender(connection),
                number: events.takeNumber(),
                cookies: events.cookies(for: handler)
            )
            let eventLoop = connection.shard.eventLoop
            let bound = NIOLoopBound((events, ended), eventLoop: eventLoop)
            Task {
                let outcome = await self.carryOut(cloudEvent, ackID, of: session, by: handlers, handler)
                eventLoop.execute {
                    let (events, ended) = bound.value
                    if let answer = outcome.answer { events.answered(state: outcome.state, answer.fields, by: handler) }
                    done(outcome.result)
                    ended()
                }
            }
        }
    }

    private struct Outcome {
        var result: ActionResult
        var answer: HandlerAnswer?
        /// That was stored; nil for none.
        var state: String?
    }

    /// Asks the handler, and stores what it answers. The last operation remembers the `ackId`, so that the client's repetition finds
    /// everything done, or the handler is asked again.
    private func carryOut(
        _ event: CloudEvent,
        _ ackID: AckID?,
        of session: ResumableClient.Session,
        by handlers: EventHandlers,
        _ handler: EventHandler
    ) async -> Outcome {
        let turn = await session.hub.perform(.turn, ackID: nil, of: session.handle)
        guard case .success = turn else { return Outcome(result: turn) }
        guard case .success(let (answer, state, message)) = await handlers.ask(handler, event) else {
            return Outcome(result: .failure(.failed))
        }
        var outcome = Outcome(result: .success(()), answer: answer)
        let publication = message.payload.map { payload in
            let audience = HubAudience(hub: event.sender.hub, audience: .connection(event.sender.id))
            return HubPublication(self.publisher.answer(payload, message.metadata, to: audience))
        }
        let isWritten =
            state != nil
            || publication == nil && (ackID != nil || event.number % Self.numbersPerPosition == Self.numbersPerPosition - 1)
        if isWritten {
            let bytes = ByteBuffer(string: state ?? event.sender.state ?? "")
            let last = publication == nil ? ackID : nil
            outcome.result = await session.hub.perform(.state(bytes), ackID: last, of: session.handle)
            guard case .success = outcome.result else { return outcome }
            outcome.state = state
        }
        if let publication {
            outcome.result = await session.hub.perform(.publish(publication), ackID: ackID, of: session.handle)
        }
        return outcome
    }
}
