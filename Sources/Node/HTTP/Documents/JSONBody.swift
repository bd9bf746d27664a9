import Foundation
import HTTPTypes
import NIOCore
import NIOFoundationCompat

/// JSON in and out of the REST API.
enum JSONBody {
    /// What the head alone says of the body: to be asked before any of it is read, since a client may hold it back until it is (RFC 9110 section
    /// 10.1.1).
    /// - Throws: ``Problem`` 413 or 415.
    static func check(_ request: Request, maximumBytes: Int) throws(Problem) {
        let length = request.headers.value(.contentLength)
        try self.check(length: length, maximumBytes: maximumBytes)
        // Without a type, or with that of a form, pages of any origin may send a body; as these types only those that CORS lets in.
        let isTyped = request.headers.value(.contentType).map { BodyType($0) != nil }
        guard isTyped ?? (length == nil || length == "0") else { throw .notJSON }
        guard request.headers.value(.contentEncoding)?.isSame("identity") ?? true else { throw .codedBody }
    }

    /// A client that says how much it will send hears it at once, also when no integer of this machine is so large.
    private static func check(length: String?, maximumBytes: Int) throws(Problem) {
        if let length, Int(length) ?? .max > maximumBytes { throw .bodyTooLarge(maximumBytes) }
    }

    /// - Throws: ``Problem`` 413.
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
        // Only a number that JSON has no form for could fail, and no answer of ours has a floating-point member that is not finite.
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
    /// As the subscript, but where there is one field, as nearly always, its value is not joined of parts.
    func value(_ name: HTTPField.Name) -> String? {
        var fields = self.lazy.filter { $0.name == name }.makeIterator()
        guard let first = fields.next() else { return nil }
        return fields.next() == nil ? first.value : self[name]
    }
}
