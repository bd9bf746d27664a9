import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import NIOFoundationCompat

/// JSON in and out of the REST API.
enum JSONBody {
    /// - Parameters:
    ///   - name: of a member of the object that the body is.
    ///   - maximumBytes: of the body as sent.
    /// - Returns: the member's value, which must be a string.
    /// - Throws: ``Problem`` that names the member that is wrong: 400, 413 or 415.
    static func text(_ name: String, from request: Request, maximumBytes: Int) async throws -> String {
        let contentType = request.headers.value(.contentType)
        guard contentType.map(self.isJSON) != false else { throw Problem.notJSON }
        let body = try await self.bytes(of: request, maximumBytes: maximumBytes)
        guard body.readableBytes > 0 else { throw Problem.invalidBody("The body is empty.") }
        // Without a type, or with that of a form, pages of any origin may send a body; as JSON only those that CORS lets in.
        guard contentType != nil else { throw Problem.notJSON }
        let value: JSONValue
        do throws(JSONScanner.Fault) {
            value = try JSONValue(parsing: body)
        } catch {
            throw error.problem
        }
        guard value.kind == .object else { throw Problem.invalidBody("The body must be a JSON object.") }
        guard let member = value[name] else { throw Problem.invalidBody("\(name) is missing.", field: name) }
        guard let text = member.text else { throw Problem.invalidBody("\(name) must be a string.", field: name) }
        return text
    }

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

    private static func isJSON(_ contentType: String) -> Bool {
        if contentType == "application/json" { return true }
        let type = contentType.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
        return type == "application/json" || (type.hasPrefix("application/") && type.hasSuffix("+json"))
    }
}

extension HTTPFields {
    /// As the subscript, but where there is one field, as nearly always, its value is not joined of parts.
    fileprivate func value(_ name: HTTPField.Name) -> String? {
        var fields = self.lazy.filter { $0.name == name }.makeIterator()
        guard let first = fields.next() else { return nil }
        return fields.next() == nil ? first.value : self[name]
    }
}

extension JSONScanner.Fault {
    /// What the caller is told.
    var problem: Problem {
        switch self {
        case .notUTF8: .invalidBody("The body is not UTF-8.")
        case .malformed: .invalidBody("The body is not well-formed JSON.")
        case .tooDeep: .invalidBody("The body may be \(JSONScanner.maximumDepth) levels deep.")
        // A caller's own names, and it may have made them long.
        case .duplicate(let name): .invalidBody("\(name.prefix(64)) is there twice.", field: String(name.prefix(64)))
        case .unknownMember(let name): .invalidBody("\(name.prefix(64)) is not known.", field: String(name.prefix(64)))
        }
    }
}
