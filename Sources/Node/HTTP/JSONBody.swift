import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import NIOFoundationCompat

/// JSON in and out of the REST API.
enum JSONBody {
    /// - Throws: ``Problem`` 413.
    static func bytes(of request: Request, maximumBytes: Int) async throws -> ByteBuffer {
        // A client that says how much it will send hears it at once.
        if let length = request.headers.value(.contentLength).flatMap({ Int($0) }), length > maximumBytes {
            throw Problem.bodyTooLarge(maximumBytes)
        }
        do {
            return try await request.body.collect(upTo: maximumBytes)
        } catch is NIOTooManyBytesError {
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
        Response(status: status, headers: self.headers, body: ResponseBody(byteBuffer: json))
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
