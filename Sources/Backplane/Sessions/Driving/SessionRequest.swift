package import NIOCore
package import VolaryProtocol

/// An action of a client that changes something in its hub.
package struct SessionRequest: Sendable {
    package enum Action: Sendable {
        case publish(HubPublication)
        case join(AudienceName)
        case leave(AudienceName)
        /// The state of the application's event handler; empty for none.
        case state(ByteBuffer)
        /// Nothing: succeeds once all requests before it are carried out.
        case turn
    }

    let action: Action
    let ackID: AckID?
    /// Called once, on the event loop of ``HubSessions``.
    let done: @Sendable (ActionResult) -> Void

    package init(_ action: Action, ackID: AckID?, done: @escaping @Sendable (ActionResult) -> Void) {
        self.action = action
        self.ackID = ackID
        self.done = done
    }

    /// Of an action for which there is no room. Only a message may find room later.
    var failure: ActionFailure { if case .publish = self.action { .busy } else { .refused } }

    /// - Returns: nil for a request without one.
    func operation(of writer: SessionWriter) -> SessionOperation? {
        switch self.action {
        case .publish(let publication): .publish(publication, from: writer)
        case .join(let group): .change(SessionChange(.joined(group), by: writer))
        case .leave(let group): .change(SessionChange(.left(group), by: writer))
        case .state(let state): .change(SessionChange(.state(state), by: writer))
        case .turn: nil
        }
    }
}
