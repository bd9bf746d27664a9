import Atomics
import Logging
import NIOCore
import VolaryProtocol

/// Passes the records of a hub's clients to the hub's dispatcher, in any protocol of hub clients.
final class HubRelay: Application {
    private let dispatcher: any HubDispatcher
    private let settings: HubCallSettings
    private let listing: ConnectionListing
    private let logger: Logger
    private let unfinished: ManagedAtomic<Int>

    /// - Parameter unfinished: counts what the dispatchers of the node are doing.
    init(
        _ dispatcher: any HubDispatcher,
        settings: HubCallSettings,
        listing: ConnectionListing,
        logger: Logger,
        unfinished: ManagedAtomic<Int>
    ) {
        self.dispatcher = dispatcher
        self.settings = settings
        self.listing = listing
        self.logger = logger
        self.unfinished = unfinished
    }

    func connected(_ connection: Connection, _ request: ConnectRequest) {
        self.listing.begin(connection, request)
        let calls = ConnectionCalls(
            connection,
            self.dispatcher,
            claims: HubClaims(request.claims),
            settings: self.settings,
            logger: self.logger,
            unfinished: self.unfinished
        )
        connection.state.calls = calls
        if let format = connection.session.hubFormat { calls.open(format) }
    }

    func received(_ action: ClientAction, from connection: Connection, done: ActionCompletion) {
        switch action.kind {
        case .hub(let request):
            guard let calls = connection.state.calls else { return done(.success(())) }
            if case .opened = request, let format = connection.session.hubFormat, let spoken = connection.endpoint.chosen[format]
            {
                connection.speak(spoken)
                connection.send(.connected(reconnectionToken: nil))
            }
            calls.received(request, done)
        // Sessions of hub clients do not ask for these.
        case .message, .join, .leave, .send, .event: done(.failure(.failed))
        }
    }

    func keepAlive(_ connection: Connection, now: NIODeadline) { connection.state.calls?.keepAlive(now: now) }

    func disconnected(_ connection: Connection) {
        let calls = connection.state.calls
        connection.state.calls = nil
        calls?.closed(HubClientLoss(connection.transport.ending))
        self.listing.end(connection)
    }
}

/// How a connection has ended that was not closed by either side.
public struct HubClientLoss: Error, Hashable, Sendable {
    /// For the log.
    public let text: String

    /// - Returns: nil for a clean end: the client has closed the connection, or the node for a reason of its own.
    init?(_ ending: TransportEnding) {
        switch ending.code {
        case nil: self.text = "the connection was lost"
        case .internalError?, .protocolError?, .invalidData?, .policyViolation?, .messageTooBig?, .tryAgainLater?, .timeout?:
            self.text = "the connection was closed with \(ending.code?.rawValue ?? 0) by the \(ending.side)"
        default: return nil
        }
    }
}
