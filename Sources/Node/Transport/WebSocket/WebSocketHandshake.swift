import Crypto
import Foundation
import HTTPTypes
import NIOCore
import NIOHTTP1
import VolaryBackplane
import VolaryProtocol

/// The opening handshake, over HTTP/1.1 (RFC 6455 section 4.2) or as an extended CONNECT of HTTP/2 (RFC 8441): validates a request and
/// makes the answer.
enum WebSocketHandshake {
    enum Refusal: Error, Equatable {
        /// The request is not an upgrade request.
        case notWebSocket
        case wrongMethod
        /// The path belongs to no endpoint.
        case unknownPath
        /// Section 4.4: only version 13 is supported, and the answer says so.
        case unsupportedVersion
        case badKey
        /// Section 9.1: the list of extensions must be well-formed, even if none is used.
        case badExtensions
        /// `?user=` on a node that does not accept a user name from the client.
        case userNotAccepted
        /// The user name is not a valid ``AudienceName``.
        case badUser
        /// The path names a hub, and not by a valid ``HubName``.
        case badHub
        /// `?group=` of an event stream is not a valid ``AudienceName``, or there are too many groups.
        case badGroup
        /// `?welcome=` is neither `on` nor `off`, or occurs more than once.
        case badWelcome
        /// The head declares a body.
        case hasBody
        /// An extended CONNECT for a protocol other than WebSocket.
        case unknownProtocol
        /// The client's token is not for the hub.
        case hubNotPermitted
        /// The client's token has neither the group nor a role for it.
        case groupNotPermitted
        /// The origin of the page is not allowed.
        case originNotAllowed
        case unauthorized(TokenError)
        /// The token's signature is valid, and a claim has an invalid name of a group, a role or a user.
        case badClaim(String)
        /// The parameters of a raw client of Web PubSub.
        case badMode
        /// The connect handler has refused the client.
        case refusedByHandler(status: Int)
        /// The connect handler has not answered, or not as it must.
        case handlerFailed
        /// The client wants a resumable connection, and nothing else that is served.
        case reliableNotServed
        /// The client of SignalR has a token that is none, or is too old.
        case unknownConnection
        /// The client of SignalR has no id. Only WebSockets need none.
        case noConnectionID
        /// The connection is open.
        case connectionInUse
        /// The subscriptions of a client that needs them at once are not confirmed in time.
        case notSubscribed
        /// The hub is at its quota of connections on this node.
        case hubFull
        /// The node is shutting down.
        case draining
        /// A limit on sockets or on WebSockets is reached. A socket over its limit is refused whatever its first request is.
        case overLimit(ConnectionSlot.Refusal)
    }

    /// What is to carry the connection.
    enum Carrier: Hashable, Sendable {
        case webSocket
        case eventStream
        case longPolling
    }

    /// The contents of a valid handshake.
    struct Client: Sendable {
        let endpoint: Endpoint
        let hub: HubName
        /// The client protocol.
        var spoken: SpokenProtocol
        /// The WebSocket subprotocol that the answer selects; nil when the client offered none that is known.
        var subprotocol: String?
        var user: AudienceName?
        /// Groups to join before the connection is listed.
        var groups: Set<AudienceName> = []
        /// Expiry of the token, in milliseconds since 1970, UTC; nil for no expiry.
        var expiresAt: Int64?
        /// Whether the client asked for a welcome message.
        var wantsWelcome = false
        /// Whether the token has the permission `broadcast`.
        var canBroadcast = false
        /// The negotiated compression; nil for none.
        var compression: NegotiatedDeflate?
        /// Decoded parameters of the query, for clients of Web PubSub.
        var parameters: [UTF8Text: UTF8Text] = [:]
        /// `Last-Event-ID` of a reader that resumes its event stream; nil for none.
        var lastEventID: String?
        /// What the client may do with groups.
        var permissions = GroupPermissions.none
        /// Whether the client wants to resume a connection.
        var resumes = false
        /// The id of the connection, if a connect handler or the client knows it already.
        var id: ConnectionID?
        /// The state and the cookies that the connect handler has set.
        var handlerState: String?
        var handlerCookies = HandlerCookies()
        /// Claims of the token, for the endpoints of hubs.
        var claims: JSONValue?
        var carrier = Carrier.webSocket
    }

    /// Whether the request asks for an upgrade to WebSocket. The `Upgrade` field may list other protocols as well.
    static func isAskedFor(_ request: HTTPRequestHead) -> Bool {
        request.headers.has("upgrade", "websocket")
    }

    /// - Parameters:
    ///   - request: of an extended CONNECT in the form that ``HTTPRequestHead/init(_:settings:)`` makes of it.
    ///   - isExtendedConnect: whether it is one. Then HTTP/2 has said already that it is for a WebSocket, and no key is needed (RFC 8441
    ///     section 5).
    ///   - endpoints: the endpoints of the node.
    ///   - acceptsUserQuery: whether `?user=` names the user. For tests only, since any client can then be any user.
    ///   - compresses: whether an offer of permessage-deflate is accepted.
    /// - Returns: the contents of the handshake, if the request is valid.
    static func validate(
        _ request: HTTPRequestHead,
        isExtendedConnect: Bool = false,
        endpoints: [Endpoint],
        acceptsUserQuery: Bool,
        compresses: Bool = false
    ) throws(Refusal) -> Client {
        guard let (endpoint, hub) = self.endpoint(of: request.uri, among: endpoints) else { throw .unknownPath }
        if !isExtendedConnect { try self.validateUpgrade(request) }
        guard request.headers.only("sec-websocket-version") == "13" else { throw .unsupportedVersion }
        if !isExtendedConnect || request.headers.contains(name: "sec-websocket-key") {
            guard let key = request.headers.only("sec-websocket-key"), self.isKey(key) else { throw .badKey }
        }
        guard let offers = ExtensionOffer.parse(request.headers["sec-websocket-extensions"]) else { throw .badExtensions }
        guard let hub else { throw .badHub }
        let compression = compresses ? NegotiatedDeflate.accepting(offers) : nil
        let client: Client
        switch endpoint.access {
        case .tokenKeys, .readers:
            let chosen = endpoint.choose(of: self.subprotocols(of: request))
            client = Client(
                endpoint: endpoint,
                hub: hub,
                spoken: chosen.spoken,
                subprotocol: chosen.name,
                user: try self.user(ofTarget: request.uri, accepted: acceptsUserQuery),
                wantsWelcome: try self.wantsWelcome(request.uri),
                compression: compression
            )
        case .accessKeys:
            client = try PubSubHandshake.client(request, at: endpoint, hub: hub, compression: compression)
        }
        guard !self.declaresBody(request) else { throw .hasBody }
        return client
    }

    /// - Returns: nil for a path of no endpoint; an endpoint without a hub when the path's hub is not valid.
    private static func endpoint(of target: String, among endpoints: [Endpoint]) -> (Endpoint, HubName?)? {
        for endpoint in endpoints {
            switch endpoint.match(target: target) {
            case .none: continue
            case .hub(let hub): return (endpoint, hub)
            case .invalidHub: return (endpoint, nil)
            }
        }
        return nil
    }

    /// Whether a body follows the head. Its bytes need not arrive for the answer. With `Transfer-Encoding` the body may be empty,
    /// which the head does not say.
    static func declaresBody(_ request: HTTPRequestHead) -> Bool {
        if request.headers.contains(name: "transfer-encoding") { return true }
        return request.headers.elements(of: "content-length").contains { Int($0) != 0 }
    }

    private static func validateUpgrade(_ request: HTTPRequestHead) throws(Refusal) {
        guard request.headers.has("upgrade", "websocket"), request.headers.has("connection", "upgrade") else {
            throw .notWebSocket
        }
        guard request.method == .GET, request.version == .http1_1 else { throw .wrongMethod }
    }

    static func user(ofTarget target: String, accepted: Bool) throws(Refusal) -> AudienceName? {
        let values = HandshakeQuery.values(of: "user", inTarget: target)
        guard let value = values.first else { return nil }
        guard accepted else { throw .userNotAccepted }
        guard values.count == 1, let user = PercentEncoding.decode(value).flatMap({ AudienceName($0) }) else { throw .badUser }
        return user
    }

    static func wantsWelcome(_ target: String) throws(Refusal) -> Bool {
        switch HandshakeQuery.values(of: "welcome", inTarget: target) {
        case [], ["off"]: false
        case ["on"]: true
        default: throw .badWelcome
        }
    }

    /// The subprotocols that the client offers, in its order.
    static func subprotocols(of request: HTTPRequestHead) -> [String] {
        request.headers.elements(of: "sec-websocket-protocol").map(String.init)
    }

    /// The fields of an answer that accepts the handshake (section 4.2.2), in lower case: the accept key if the request has a key, the
    /// extension and the subprotocol that were selected.
    /// - Parameter request: a request accepted by ``validate(_:isExtendedConnect:endpoints:acceptsUserQuery:compresses:)``.
    static func fields(of request: HTTPRequestHead, for client: Client) -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        if let key = request.headers.first(name: "sec-websocket-key") {
            fields.append(("sec-websocket-accept", self.acceptance(of: key)))
        }
        if let compression = client.compression { fields.append(("sec-websocket-extensions", compression.header)) }
        if let subprotocol = client.subprotocol { fields.append(("sec-websocket-protocol", subprotocol)) }
        return fields
    }

    /// The bytes of the 101 answer over HTTP/1.1.
    static func response(to request: HTTPRequestHead, for client: Client) -> ByteBuffer {
        var response = ByteBufferAllocator().buffer(capacity: 256)
        response.writeStaticString("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n")
        for (name, value) in self.fields(of: request, for: client) { response.writeString("\(name): \(value)\r\n") }
        response.writeStaticString("\r\n")
        return response
    }

    /// Section 1.3.
    private static func acceptance(of key: String) -> String {
        var hash = Insecure.SHA1()
        var text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        text.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        return hash.finalize().withUnsafeBytes { Data($0) }.base64EncodedString()
    }

    /// 16 bytes in base64: 22 digits, the last of which carries 4 unused bits, and two padding characters.
    private static func isKey(_ key: String) -> Bool {
        let bytes = Array(key.utf8)
        guard bytes.count == 24, bytes.suffix(2) == [UInt8(ascii: "="), UInt8(ascii: "=")] else { return false }
        return bytes.prefix(22).allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"): true
            default: false
            }
        }
    }
}
