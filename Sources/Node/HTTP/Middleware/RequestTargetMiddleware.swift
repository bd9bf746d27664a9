import HTTPTypes
import VolaryBackplane
import VolaryProtocol

/// Refuses unknown methods and malformed paths, so that each path has exactly one spelling.
///
/// Otherwise ``RouteTable`` would treat `//api/connections/` as `/api/connections`, and a proxy that guards paths would not
/// recognize it.
struct RequestTargetMiddleware: Sendable {
    /// All methods that the HTTP decoder knows, so that a path without one of them can answer with the methods that it has. Any
    /// other method gets 501 (RFC 9110 section 15.6.2).
    private static let methods = Set(
        """
        GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT QUERY ACL BIND CHECKOUT COPY LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL \
        MOVE M-SEARCH NOTIFY PROPFIND PROPPATCH PURGE REBIND REPORT SEARCH SOURCE SUBSCRIBE UNBIND UNLINK UNLOCK UNSUBSCRIBE
        """.split(separator: " ").compactMap { HTTPRequest.Method(String($0)) }
    )

    /// - Parameter allowsFinalSlash: whether a path may end with a slash, and means the same.
    func handle(
        _ request: Request,
        _ context: HTTPRequestContext,
        allowsFinalSlash: Bool = false,
        next: NextHandler
    ) async throws -> Response {
        guard Self.isKnown(request.method) else {
            throw Problem(.notImplemented, "unknown-method", "This server does not support the method.")
        }
        let path = request.path
        guard path == "*" || path.utf8.first == UInt8(ascii: "/"), PercentEncoding.decode(path[...]) != nil else {
            throw Problem(.badRequest, "invalid-path", "The path must be percent-encoded UTF-8 (RFC 3986 section 3.3).")
        }
        // An empty segment. The path `/` has none, and `/client/` is the older path of Web PubSub's clients.
        guard path == "/" || path == "/client/" || !Self.hasEmptySegment(path, allowsFinalSlash: allowsFinalSlash) else {
            throw Problem.unknownPath
        }
        return try await next(request, context)
    }

    private static func isKnown(_ method: HTTPRequest.Method) -> Bool {
        switch method {
        case .get, .post, .put, .delete: true
        default: self.methods.contains(method)
        }
    }

    private static func hasEmptySegment(_ path: String, allowsFinalSlash: Bool) -> Bool {
        let slash = UInt8(ascii: "/")
        var before: UInt8?
        for byte in path.utf8 {
            if byte == slash, before == slash { return true }
            before = byte
        }
        return before == slash && !allowsFinalSlash
    }
}
