import HTTPTypes
import NIOCore
import NIOHTTP1
import VolaryBackplane
import VolaryProtocol

/// The description of an error for REST callers (RFC 9457).
///
/// `type` is `urn:volary:problem:<name>`. The names are stable; the texts may change. Problems contain no internal details.
struct Problem: Error, Encodable {
    static let contentType = "application/problem+json"

    let status: HTTPResponse.Status
    let name: String
    let detail: String
    /// The body member, query parameter or header field that caused the error.
    let field: String?
    let headers: HTTPFields

    init(
        _ status: HTTPResponse.Status,
        _ name: String,
        _ detail: String,
        field: String? = nil,
        headers: HTTPFields = [:]
    ) {
        self.status = status
        self.name = name
        self.detail = detail
        self.field = field
        self.headers = headers
    }

    private enum CodingKeys: CodingKey {
        case type
        case title
        case status
        case detail
        case field
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode("urn:volary:problem:\(self.name)", forKey: .type)
        try container.encode(self.status.reasonPhrase, forKey: .title)
        try container.encode(self.status.code, forKey: .status)
        try container.encode(self.detail, forKey: .detail)
        try container.encodeIfPresent(self.field, forKey: .field)
    }

    var json: ByteBuffer { JSONBody.encode(self) }

    var response: Response {
        var headers = self.headers
        headers[.contentType] = Self.contentType
        headers[.cacheControl] = "no-store"
        return Response(status: self.status, headers: headers, body: self.json)
    }
}

extension Problem {
    /// The head of an answer that does not come from a route. The connection ends with this answer.
    func responseHead(bodyBytes: Int) -> HTTPResponseHead {
        var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: self.status.code))
        head.headers.add(name: "content-type", value: Self.contentType)
        head.headers.add(name: "content-length", value: "\(bodyBytes)")
        head.headers.add(name: "connection", value: "close")
        for field in self.headers { head.headers.add(name: field.name.rawName, value: field.value) }
        return head
    }
}

// MARK: - Those that several routes share

extension Problem {
    static var unknownConnection: Problem {
        Problem(.notFound, "unknown-connection", "No node holds this connection.", field: "id")
    }

    static var unknownNode: Problem {
        Problem(.notFound, "unknown-node", "No node has this id.", field: "id")
    }

    static func nodeSilent(_ detail: String) -> Problem { Problem(.gatewayTimeout, "node-silent", detail) }

    /// The bytes are not a valid request, or end within one.
    static let malformedRequest = Problem(.badRequest, "malformed-request", "The request is not well-formed HTTP.")

    static let slowBody = Problem(.requestTimeout, "body-too-slow", "The body did not arrive in time.")

    static let unknownPath = Problem(.notFound, "unknown-path", "This path does not exist.")

    /// - Parameter option: the option that lists the allowed origins.
    static func originNotAllowed(_ option: ConfigurationOption) -> Problem {
        Problem(
            .forbidden,
            "origin-not-allowed",
            "Requests from pages of this origin are not allowed: the origin is not listed in --\(option.rawValue).",
            field: "Origin"
        )
    }

    static let notJSON = Problem(
        .unsupportedMediaType,
        "not-json",
        "The body must be application/json, or application/octet-stream.",
        headers: [.accept: "application/json, application/octet-stream"]
    )

    /// RFC 9110 section 15.5.16: the answer lists the accepted content codings, which are none.
    static let codedBody = Problem(
        .unsupportedMediaType,
        "unsupported-content-encoding",
        "Content-Encoding is not supported: send the body without a coding.",
        field: "Content-Encoding",
        headers: [.acceptEncoding: "identity"]
    )

    static func bodyTooLarge(_ maximumBytes: Int) -> Problem {
        Problem(.contentTooLarge, "body-too-large", "The body may have at most \(maximumBytes) bytes.")
    }

    /// - Parameter name: may come from the caller, with any length.
    static func invalidQuery(_ name: String, _ detail: String) -> Problem {
        Problem(.badRequest, "invalid-query", detail, field: Self.short(name))
    }

    /// - Parameter field: may come from the caller, with any length.
    static func invalidBody(_ detail: String, field: String? = nil) -> Problem {
        Problem(.badRequest, "invalid-body", detail, field: field.map(Self.short))
    }

    /// Shortens text from the caller to at most 64 bytes, for use in an answer.
    static func short(_ text: String) -> String { String(text.prefix(maximumBytes: 64)) }

    /// The same request may be repeated.
    static let presenceUnavailable = Problem(
        .serviceUnavailable,
        "presence-unavailable",
        "The node cannot read the presence of the other nodes.",
        headers: [.retryAfter: "1"]
    )

    /// Nothing was published; the same request may be repeated.
    static let idleHistoryFull = Problem(
        .serviceUnavailable,
        "idle-history-full",
        "No receiver is connected, and the logs of topics without receivers are at their common limit (--history-idle-bytes).",
        headers: [.retryAfter: "10"]
    )

    /// Nothing was published; the same request may be repeated.
    static let relayUnavailable = Problem(
        .serviceUnavailable,
        "relay-unavailable",
        "The node cannot reach the other nodes, and its queue of messages for them is full.",
        headers: [.retryAfter: "1"]
    )
}

extension Problem {
    /// - Parameter field: the body member that contains the message.
    init(_ error: BrokerError, field: String? = nil) {
        switch error {
        case .outboxFull, .closed, .cancelled:
            self = .relayUnavailable
        case .tooLarge:
            self.init(.contentTooLarge, "message-too-large", "The message is too large for the cluster.", field: field)
        case .idleHistoryFull:
            self = .idleHistoryFull
        case .refused:
            self.init(.serviceUnavailable, "relay-refused", "Redis refuses this message. Sending it again will not help.")
        }
    }
}

extension HTTPField.Name {
    static let secWebSocketVersion = HTTPField.Name("Sec-WebSocket-Version")!
}
