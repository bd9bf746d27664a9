import HTTPTypes
import Hummingbird

extension Router {
    typealias Handler = @Sendable (Request, Context) async throws -> Response

    /// All that the HTTP decoder reads, so that a path without one of them says which it has. A method that is not here gets 501 (RFC 9110
    /// section 15.6.2).
    static var knownMethods: [HTTPRequest.Method] {
        let names = """
            GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT QUERY ACL BIND CHECKOUT COPY LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL \
            MOVE M-SEARCH NOTIFY PROPFIND PROPPATCH PURGE REBIND REPORT SEARCH SOURCE SUBSCRIBE UNBIND UNLINK UNLOCK UNSUBSCRIBE
            """
        return names.split(separator: " ").compactMap { HTTPRequest.Method(String($0)) }
    }

    /// Registers a path with all the methods it has; every other method gets 405 with `Allow` (RFC 9110 section 15.5.6).
    func on(_ path: RouterPath, _ handlers: [HTTPRequest.Method: Handler]) {
        var handlers = handlers
        if let get = handlers[.get] {
            handlers[.head] = { try await get($0, $1).createHeadResponse() }
        }
        let allowed = (handlers.keys.map(\.rawValue) + ["OPTIONS"]).sorted().joined(separator: ", ")
        handlers[.options] = { _, _ in Response(status: .noContent, headers: [.allow: allowed]) }
        for method in Self.knownMethods {
            let handler: Handler =
                handlers[method] ?? { _, _ in
                    throw Problem(
                        .methodNotAllowed,
                        "method-not-allowed",
                        "This path has other methods.",
                        headers: [.allow: allowed]
                    )
                }
            self.on(path, method: method, use: handler)
        }
    }
}
