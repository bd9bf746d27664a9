import HTTPTypes
import NIOCore

/// The answer of a route.
struct Response: Sendable {
    var status: HTTPResponse.Status
    /// With `Content-Length`, where the body is known and the status may have one.
    var headers: HTTPFields
    var body: ResponseBody

    init(status: HTTPResponse.Status, headers: HTTPFields = [:], body: ByteBuffer = ByteBuffer()) {
        self.status = status
        self.headers = headers
        self.body = .bytes(body)
        // RFC 9110 section 8.6. A 304 says nothing of a length either: the client has the representation.
        if status != .noContent, status != .notModified { self.headers[.contentLength] = "\(body.readableBytes)" }
    }

    /// - Parameter stream: writes the body. A `Content-Length` in `headers` is a promise of as many bytes.
    init(status: HTTPResponse.Status, headers: HTTPFields = [:], stream: @escaping ResponseBody.Producer) {
        self.status = status
        self.headers = headers
        self.body = .stream(stream)
    }

    /// The answer to HEAD: the same fields without the body (RFC 9110 section 9.3.2).
    var withoutBody: Response {
        var response = self
        response.body = .bytes(ByteBuffer())
        return response
    }
}
