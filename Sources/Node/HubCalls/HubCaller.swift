import NIOConcurrencyHelpers
import NIOCore
public import VolaryProtocol

/// A client of a hub, for the dispatcher of its calls.
public final class HubCaller: Sendable {
    public let id: ConnectionID
    public let hub: HubName
    /// nil for an anonymous client.
    public let user: AudienceName?
    /// Name of the client protocol, as in REST.
    public let protocolName: String
    /// How values are encoded for the client.
    public let format: HubFormat
    /// Of the client's token.
    public let claims: HubClaims
    private let eventLoop: any EventLoop
    private let connection: NIOLoopBound<Connection>

    /// On the connection's event loop.
    init(_ connection: Connection, format: HubFormat, claims: HubClaims) {
        self.id = connection.id
        self.hub = connection.hub
        self.user = connection.user
        self.protocolName = connection.encoding.clientProtocol.name
        self.format = format
        self.claims = claims
        self.eventLoop = connection.shard.eventLoop
        self.connection = NIOLoopBound(connection, eventLoop: connection.shard.eventLoop)
    }

    /// Ends the connection. Calls that run are canceled.
    public func abort() {
        self.eventLoop.execute { self.connection.value.close(.dismissal(.normal, reason: "closed by the hub")) }
    }

    /// Calls a method of the client and waits for its answer.
    /// - Parameter timeout: how long to wait for the answer.
    /// - Returns: nil for an answer without a value.
    /// - Throws: ``HubAskError``, or what encoding throws.
    public func ask(_ target: String, _ arguments: [HubValue], timeout: Duration) async throws -> HubData? {
        let values = try arguments.map { try $0.encoded(as: self.format) }
        return try await ConnectionCalls.ask(target, values, of: self.connection, on: self.eventLoop, timeout: timeout)
    }
}

/// Why a client has not answered a call.
public enum HubAskError: Error, Hashable, Sendable {
    /// This node does not hold the connection.
    case notHere
    /// The connection is closed, or the call that waits was canceled.
    case ended
    case timedOut
    /// Too many calls of this client are not answered.
    case tooMany
    /// The client has answered with an error. Its words.
    case failed(String)
}

/// The claims of a client's token, by name.
public struct HubClaims: Sendable {
    private let payload: JSONValue?

    /// - Parameter payload: of a token whose signature is valid; nil for a client without one.
    init(_ payload: JSONValue?) {
        self.payload = payload
    }

    /// The texts of a claim: the text itself, or the texts in a list. Empty without such a claim.
    public subscript(_ name: String) -> [String] {
        switch self.payload?[UTF8Text(name)] {
        case .text(let text): [text.string]
        case .list(let values): values.compactMap { $0.text?.string }
        default: []
        }
    }
}
