import HTTPTypes
import NIOHTTP1
import VolaryBackplane
import VolaryProtocol

extension WebSocketHandshake.Refusal {
    /// The problem document for the client.
    var problem: Problem {
        switch self {
        case .notWebSocket, .wrongMethod, .hasBody:
            Problem(
                .badRequest,
                "not-a-websocket",
                "A WebSocket begins with a GET request of HTTP/1.1 with an upgrade, or with an extended CONNECT of HTTP/2; neither has a body."
            )
        case .unknownProtocol:
            Problem(.notImplemented, "unknown-protocol", "The only protocol for an extended CONNECT is websocket.")
        case .unknownPath:
            Problem(
                .notFound,
                "unknown-path",
                "WebSockets are at /ws and /echo, those of Web PubSub at /client/hubs/{hub}, and those of hubs with methods at /hubs/{hub}."
            )
        case .unsupportedVersion:
            Problem(
                .upgradeRequired,
                "unsupported-websocket-version",
                "Only version 13 of the WebSocket protocol is supported.",
                headers: [.secWebSocketVersion: "13", .upgrade: "websocket"]
            )
        case .badKey:
            Problem(.badRequest, "bad-websocket-key", "Sec-WebSocket-Key must be 16 bytes in base64, once.")
        case .userNotAccepted:
            Problem(.forbidden, "user-not-accepted", "This node accepts a user only in a token, not in the query.", field: "user")
        case .badUser:
            Problem(.badRequest, "invalid-name", "user \(AudienceName.rule)", field: "user")
        case .badHub:
            Problem(.badRequest, "invalid-name", "hub \(HubName.rule)", field: "hub")
        case .badGroup:
            Problem(
                .badRequest,
                "invalid-name",
                "group \(AudienceName.rule) A stream has at most \(GroupLimits.maximum.groups) groups.",
                field: "group"
            )
        case .hubNotPermitted:
            Problem(
                .forbidden,
                "hub-not-permitted",
                "The token is not for this hub: one of Web PubSub opens the hub in its aud, any other one the hub default.",
                field: "hub"
            )
        case .groupNotPermitted:
            Problem(
                .forbidden,
                "group-not-permitted",
                "The token has neither this group nor a role to join it.",
                field: "group"
            )
        case .badWelcome:
            Problem.invalidQuery("welcome", "welcome must be on or off.")
        case .badExtensions:
            Problem(.badRequest, "bad-websocket-extensions", "Sec-WebSocket-Extensions is not a list of extensions.")
        case .originNotAllowed:
            .originNotAllowed(.allowedOrigins)
        case .unauthorized(let fault):
            .unauthorized(fault)
        case .badClaim(let claim):
            Problem(.badRequest, "invalid-name", "The token's claim \(claim) has a name that is not valid.", field: claim)
        case .badMode:
            Problem.invalidQuery(
                "webpubsub_mode",
                "webpubsub_mode must be sendEvent, or sendToGroup with a valid group; noEcho must be true or false."
            )
        case .refusedByHandler(let status):
            Problem(HTTPResponse.Status(named: status), "refused-by-handler", "The application does not accept this client.")
        case .handlerFailed:
            Problem(.internalServerError, "handler-failed", "The application has not decided about this client.")
        case .reliableNotServed:
            Problem(
                .badRequest,
                "unsupported-subprotocol",
                "json.reliable.webpubsub.azure.v1 is not served. Offer json.webpubsub.azure.v1.",
                field: "Sec-WebSocket-Protocol"
            )
        case .unknownConnection:
            Problem(.notFound, "unknown-connection", "No Connection with that ID", field: "id")
        case .noConnectionID: .noConnectionID
        case .connectionInUse:
            Problem(.conflict, "connection-in-use", "The connection is open already.", field: "id")
        case .notSubscribed:
            Problem(
                .serviceUnavailable,
                "relay-unavailable",
                "This node does not reach the cluster. Connect again later.",
                headers: [.retryAfter: "1"]
            )
        case .hubFull: .hubOverQuota(.connections)
        case .draining:
            Problem(
                .serviceUnavailable,
                "draining",
                "This node is shutting down. Connect again to reach another node.",
                headers: [.retryAfter: "1"]
            )
        case .overLimit(let refusal): refusal.problem
        }
    }
}

extension HTTPResponse.Status {
    /// With the usual reason phrase of the code.
    fileprivate init(named code: Int) {
        self.init(code: code, reasonPhrase: HTTPResponseStatus(statusCode: code).reasonPhrase)
    }
}

extension ConnectionSlot.Refusal {
    /// The problem document for the client.
    fileprivate var problem: Problem {
        switch self {
        case .tooManyConnections:
            Problem(
                .serviceUnavailable,
                "too-many-connections",
                "This node is at its limit of connections. Another node may have room.",
                headers: [.retryAfter: "5"]
            )
        case .tooManyFromAddress:
            Problem(
                .tooManyRequests,
                "too-many-from-address",
                "Your address is at its limit of connections.",
                headers: [.retryAfter: "5"]
            )
        case .badForwarding:
            Problem(.badRequest, "bad-forwarding", "The proxy's forwarding header does not name the client in a supported form.")
        }
    }
}
