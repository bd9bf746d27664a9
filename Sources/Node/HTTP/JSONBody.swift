import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import NIOFoundationCompat

/// JSON in and out of the REST API.
enum JSONBody {
    /// - Parameter maximumBytes: of the body as sent.
    /// - Throws: ``Problem`` that names the member that is wrong: 400, 413 or 415.
    static func decode<Value: Decodable>(
        _ type: Value.Type,
        from request: Request,
        maximumBytes: Int
    ) async throws -> Value {
        let notJSON = Problem(
            .unsupportedMediaType,
            "not-json",
            "The body must be application/json.",
            headers: [.accept: "application/json"]
        )
        let contentType = request.headers[.contentType]
        guard contentType.map(self.isJSON) != false else { throw notJSON }
        let body = try await self.bytes(of: request, maximumBytes: maximumBytes)
        guard body.readableBytes > 0 else { throw Problem.invalidBody("The body is empty.") }
        // Without a type, or with that of a form, pages of any origin may send a body; as JSON only those that CORS lets in.
        guard contentType != nil else { throw notJSON }
        if let fault = JSONScanner.fault(in: body) { throw fault.problem }
        do {
            return try JSONDecoder().decode(type, from: body)
        } catch let error as DecodingError {
            throw self.problem(for: error)
        }
    }

    /// - Throws: ``Problem`` 413.
    static func bytes(of request: Request, maximumBytes: Int) async throws -> ByteBuffer {
        let tooLarge = Problem(.contentTooLarge, "body-too-large", "The body may have \(maximumBytes) bytes.")
        // A client that says how much it will send hears it at once.
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > maximumBytes { throw tooLarge }
        do {
            return try await request.body.collect(upTo: maximumBytes)
        } catch is NIOTooManyBytesError {
            throw tooLarge
        }
    }

    static func encode(_ value: some Encodable) -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        // Only a number that JSON has no form for could fail, and no answer of ours has a floating-point member that is not finite.
        return (try? encoder.encodeAsByteBuffer(value, allocator: ByteBufferAllocator())) ?? ByteBuffer()
    }

    static func response(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        let body = self.encode(value)
        return Response(
            status: status,
            headers: [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: body)
        )
    }

    private static func isJSON(_ contentType: String) -> Bool {
        let type = contentType.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
        return type == "application/json" || (type.hasPrefix("application/") && type.hasSuffix("+json"))
    }

    private static func problem(for error: DecodingError) -> Problem {
        switch error {
        case .keyNotFound(let key, let context):
            let field = self.path(context.codingPath + [key])
            return .invalidBody("\(field) is missing.", field: field)
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            let field = self.path(context.codingPath)
            guard !field.isEmpty else { return .invalidBody("The body must be a JSON object.") }
            return .invalidBody("\(field) must be \(self.name(of: type)).", field: field)
        case .dataCorrupted:
            return .invalidBody("The body is not well-formed JSON.")
        @unknown default:
            return .invalidBody("The body is not what it should be.")
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        keys.map(\.stringValue).joined(separator: ".")
    }

    private static func name(of type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        case is any Numeric.Type: "a number"
        default: "of another type"
        }
    }
}
