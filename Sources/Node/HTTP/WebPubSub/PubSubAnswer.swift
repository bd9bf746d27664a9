import HTTPTypes
import VolaryProtocol

/// The answers of Web PubSub's REST API.
enum PubSubAnswer {
    /// The codes of errors that libraries and applications know.
    enum Code: String {
        case badRequest = "Error.BadRequest"
        case mediaType = "Error.UnsupportedMediaType"
        case connectionMissing = "Error.Connection.NotExisted"
        case connectionMissingForPermission = "Info.Connection.NotExisted"
        case connectionConflict = "Error.Connection.Conflict"
        case userMissing = "Error.User.NotExisted"
        case groupAbsent = "Warning.Group.NotExisted"
        case userAbsent = "Warning.User.NotExisted"
        case connectionAbsent = "Warning.Connection.NotExisted"
        case permissionAbsent = "Warning.Permission.NotExisted"

        var status: HTTPResponse.Status {
            switch self {
            case .badRequest: .badRequest
            case .mediaType: .unsupportedMediaType
            case .connectionConflict: .conflict
            case .connectionMissing, .connectionMissingForPermission, .userMissing, .groupAbsent, .userAbsent, .connectionAbsent,
                .permissionAbsent:
                .notFound
            }
        }
    }

    /// The body of an error.
    private struct Body: Encodable {
        let code: String
        let message: String
        let target: String
    }

    /// The answer to a request that failed. A 401 has no body.
    static func response(_ problem: Problem) -> Response {
        // No library expects 413.
        let status = problem.status == .contentTooLarge ? .badRequest : problem.status
        if status == .unauthorized { return Response(status: status, headers: problem.headers) }
        let code = Code(rawValue: problem.name)?.rawValue ?? self.code(of: status)
        var headers = problem.headers
        headers[.errorCode] = code
        headers[.contentType] = "application/json; charset=utf-8"
        headers[.cacheControl] = "no-store"
        let target = Code(rawValue: problem.name) == nil ? "Request" : problem.field ?? "Request"
        let body = JSONBody.encode(Body(code: code, message: problem.detail, target: target))
        return Response(status: status, headers: headers, body: body)
    }

    /// For example `Error.ServiceUnavailable`.
    private static func code(of status: HTTPResponse.Status) -> String {
        "Error."
            + String(Substring(status.reasonPhrase.utf8.filter { $0 != UInt8(ascii: " ") }.map { Character(Unicode.Scalar($0)) }))
    }
}

extension Problem {
    /// - Parameter target: the kind of thing that the error is about.
    static func pubSub(_ code: PubSubAnswer.Code, _ message: String, target: String = "Request") -> Problem {
        Problem(code.status, code.rawValue, message, field: target)
    }

    /// - Parameter connection: may come from the caller, with any length.
    static func noPubSubConnection(_ connection: String, _ code: PubSubAnswer.Code = .connectionMissing) -> Problem {
        .pubSub(code, "Connection `\(Problem.short(connection))` is not found.", target: "Connection")
    }
}

extension HTTPField.Name {
    fileprivate static let errorCode = HTTPField.Name("x-ms-error-code")!
    static let supportedVersions = HTTPField.Name("api-supported-versions")!
}
