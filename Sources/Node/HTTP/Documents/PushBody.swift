import HTTPTypes
import NIOCore
import VolaryProtocol

/// Reads the body of a push: `{"message": "a text"}`, `{"data": any JSON}`, or bytes.
struct PushBody: Sendable {
    /// Maximum size of the body in bytes, as sent.
    let maximumBodyBytes: Int
    /// Maximum size of the pushed content in bytes: UTF-8 text, JSON as sent, or binary data. The same as for a client's
    /// message.
    let maximumMessageBytes: Int

    /// - Parameter request: a request that ``JSONBody/check(_:maximumBytes:)`` has accepted.
    /// - Throws: ``Problem`` 400, 413 or 415, with the name of the invalid member.
    func content(of request: Request) async throws -> PushContent {
        let body = try await JSONBody.bytes(of: request, maximumBytes: self.maximumBodyBytes)
        guard body.readableBytes > 0 else { throw Problem.invalidBody("The body is empty.") }
        guard let type = request.headers.value(.contentType).flatMap({ BodyType($0) }) else { throw Problem.notJSON }
        let content: PushContent
        switch type {
        case .binary: content = PushContent(dataType: .binary, payload: body)
        case .json: content = try Self.content(ofJSON: body)
        }
        guard content.payload.readableBytes <= self.maximumMessageBytes else {
            throw Problem(
                .contentTooLarge,
                "message-too-large",
                "\(content.field ?? "The message") may have at most \(self.maximumMessageBytes) bytes\(content.dataType == .binary ? "" : " of UTF-8").",
                field: content.field
            )
        }
        return content
    }

    // MARK: - JSON

    /// The members of a body.
    struct Members: Hashable {
        enum Message: Hashable {
            case text(UTF8Text)
            /// A value of any other kind.
            case other
        }

        var message: Message?
        /// A JSON text, as it was sent.
        var data: ByteBuffer?
    }

    /// - Returns: nil when the body is not an object.
    /// - Throws: also for an unknown member, because the caller would expect it to have an effect, for example `"user":
    ///   "alice"` in a message to everyone.
    static func members(of body: ByteBuffer) throws(JSONScanner.Fault) -> Members? {
        try JSONScanner.scan(body) { scanner throws(JSONScanner.Fault) in
            guard scanner.kind == .object else {
                try scanner.skip()
                return nil
            }
            var members = Members()
            guard try scanner.beginObject() else { return members }
            repeat {
                let name = try scanner.name()
                if name == "message" {
                    guard members.message == nil else { throw .duplicate(name) }
                    if scanner.kind == .text {
                        members.message = .text(try scanner.string())
                    } else {
                        try scanner.skip()
                        members.message = .other
                    }
                } else if name == "data" {
                    guard members.data == nil else { throw .duplicate(name) }
                    _ = scanner.next
                    let start = scanner.position
                    try scanner.skip()
                    members.data = body.getSlice(at: body.readerIndex + start, length: scanner.position - start)
                } else {
                    throw .unknownMember(name)
                }
            } while try scanner.nextMember()
            return members
        }
    }

    private static func content(ofJSON body: ByteBuffer) throws(Problem) -> PushContent {
        let members: Members?
        do throws(JSONScanner.Fault) {
            members = try self.members(of: body)
        } catch {
            throw error.problem
        }
        guard let members else { throw .invalidBody("The body must be a JSON object.") }
        switch (members.message, members.data) {
        case (nil, nil): throw .invalidBody("message is missing, or data.", field: "message")
        case (.some, .some): throw .invalidBody("There must be message or data, not both.", field: "data")
        case (nil, let data?): return PushContent(dataType: .json, payload: data)
        case (.other, nil): throw .invalidBody("message must be a string.", field: "message")
        case (.text(let text), nil):
            guard text.string.unicodeScalars.contains(where: { !$0.properties.isWhitespace }) else {
                throw .invalidBody("message must not be empty.", field: "message")
            }
            return PushContent(dataType: .text, payload: ByteBuffer(string: text.string))
        }
    }
}

extension JSONScanner.Fault {
    /// The problem document for the caller.
    fileprivate var problem: Problem {
        switch self {
        case .notUTF8: .invalidBody("The body is not UTF-8.")
        case .malformed: .invalidBody("The body is not well-formed JSON.")
        case .tooDeep: .invalidBody("The body may be \(JSONScanner.maximumDepth) levels deep.")
        case .duplicate(let name): .invalidBody("\(Problem.short(name.string)) is given twice.", field: name.string)
        case .unknownMember(let name): .invalidBody("The body may have message or data, and no other member.", field: name.string)
        }
    }
}
