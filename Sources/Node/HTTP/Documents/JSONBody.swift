import Foundation
import HTTPTypes
import NIOCore
import NIOFoundationEssentialsCompat

/// JSON bodies of requests and answers of the REST API.
enum JSONBody {
    /// Checks the header fields that describe the body. Call before the body is read, because a client may wait for this check
    /// before it sends the body (RFC 9110 section 10.1.1).
    /// - Throws: ``Problem`` 413 or 415.
    static func check(_ request: Request, maximumBytes: Int) throws(Problem) {
        let length = request.headers.value(.contentLength)
        try self.check(length: length, maximumBytes: maximumBytes)
        // A page of any origin can send a body without a type or with a form's type. The accepted types require CORS.
        let isTyped = request.headers.value(.contentType).map { BodyType($0) != nil }
        guard isTyped ?? (length == nil || length == "0") else { throw .notJSON }
        guard request.headers.value(.contentEncoding)?.isSame("identity") ?? true else { throw .codedBody }
    }

    /// Refuses a declared length above the limit at once, even if it exceeds the range of Int.
    private static func check(length: String?, maximumBytes: Int) throws(Problem) {
        if let length, Int(length) ?? .max > maximumBytes { throw .bodyTooLarge(maximumBytes) }
    }

    /// - Throws: ``Problem`` 413 for a body above the limit.
    static func bytes(of request: Request, maximumBytes: Int) async throws -> ByteBuffer {
        try self.check(length: request.headers.value(.contentLength), maximumBytes: maximumBytes)
        do {
            return try await request.body.collect(upTo: maximumBytes)
        } catch is RequestBody.TooLarge {
            throw Problem.bodyTooLarge(maximumBytes)
        }
    }

    static func encode(_ value: some Encodable) -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        // Encoding fails only for numbers that JSON cannot represent, and all floating-point members of answers are finite.
        return (try? encoder.encodeAsByteBuffer(value, allocator: ByteBufferAllocator())) ?? ByteBuffer()
    }

    static func response(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        self.response(json: self.encode(value), status: status)
    }

    static func response(json: ByteBuffer, status: HTTPResponse.Status) -> Response {
        Response(status: status, headers: self.headers, body: json)
    }

    private static let headers: HTTPFields = [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"]
}

extension HTTPFields {
    /// Like the subscript, but faster when there is only one field with the name, the usual case.
    func value(_ name: HTTPField.Name) -> String? {
        var fields = self.lazy.filter { $0.name == name }.makeIterator()
        guard let first = fields.next() else { return nil }
        return fields.next() == nil ? first.value : self[name]
    }
}
