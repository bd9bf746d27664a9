import VolaryProtocol

/// Sends each message back to its sender only: `/echo`.
final class Echo: Application {
    private let now: @Sendable () -> Int64

    /// - Parameter now: current time in milliseconds since 1970, UTC.
    init(now: @escaping @Sendable () -> Int64) {
        self.now = now
    }

    func connected(_ connection: Connection, _ request: ConnectRequest) {}

    func received(_ action: ClientAction, from connection: Connection, done: ActionCompletion) {
        switch action.kind {
        case .message(let message):
            connection.send(.echo(message, from: connection.id, timestamp: self.now()))
            done(.success(()))
        // The session does not ask for these.
        case .join, .leave, .send, .event, .hub: done(.failure(.failed))
        }
    }

    func disconnected(_ connection: Connection) {}
}
