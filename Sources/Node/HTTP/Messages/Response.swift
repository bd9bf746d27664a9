import HTTPTypes
import NIOCore

/// The answer of a route.
struct Response: Sendable {
    var status: HTTPResponse.Status
    /// Includes `Content-Length` if the size of the body is known and the status permits it.
    var headers: HTTPFields
    var body: ResponseBody

    init(status: HTTPResponse.Status, headers: HTTPFields = [:], body: ByteBuffer = ByteBuffer()) {
        self.status = status
        self.headers = headers
        self.body = .bytes(body)
        // RFC 9110 section 8.6. A 304 needs no length either, because the client has the representation.
        if status != .noContent, status != .notModified { self.headers[.contentLength] = "\(body.readableBytes)" }
    }

    /// - Parameter stream: writes the body. If `headers` has a `Content-Length`, the body must have exactly this size.
    init(status: HTTPResponse.Status, headers: HTTPFields = [:], stream: @escaping ResponseBody.Producer) {
        self.status = status
        self.headers = headers
        self.body = .stream(stream)
    }

    /// The answer to HEAD: the same header fields without a body (RFC 9110 section 9.3.2).
    var withoutBody: Response {
        var response = self
        response.body = .bytes(ByteBuffer())
        return response
    }
}
