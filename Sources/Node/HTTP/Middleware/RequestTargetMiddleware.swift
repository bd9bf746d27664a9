import HTTPTypes
import Hummingbird
import HummingbirdCore
import VolaryBackplane
import VolaryProtocol

/// Sees to the method and the path before a route does: one spelling for each path, and parameters without percent-encoding.
///
/// Without it the router takes `//api/connections/` for `/api/connections`, and whoever guards paths in front of a node guards another one.
struct RequestTargetMiddleware: Sendable {
    private let methods = Set(Router<BasicRequestContext>.knownMethods)

    func handle(
        _ request: Request,
        _ context: BasicRequestContext,
        next: MiddlewareChain.Next
    ) async throws -> Response {
        guard self.methods.contains(request.method) else {
            throw Problem(.notImplemented, "unknown-method", "No path has this method.")
        }
        let path = request.uri.path
        guard path == "*" || path.utf8.first == UInt8(ascii: "/"), PercentEncoding.decode(path[...]) != nil else {
            throw Problem(.badRequest, "invalid-path", "The path must be percent-encoded UTF-8 (RFC 3986 section 3.3).")
        }
        // An empty segment; the path of one slash has none.
        guard path == "/" || !Self.hasEmptySegment(path) else { throw Problem.unknownPath }
        guard !context.parameters.isEmpty else { return try await next(request, context) }
        var context = context
        context.coreContext.parameters = Parameters(
            context.parameters.map { (key: $0.key, value: PercentEncoding.decode($0.value).map { $0.string[...] } ?? $0.value) }
        )
        return try await next(request, context)
    }

    private static func hasEmptySegment(_ path: String) -> Bool {
        let slash = UInt8(ascii: "/")
        var before: UInt8?
        for byte in path.utf8 {
            if byte == slash, before == slash { return true }
            before = byte
        }
        return before == slash
    }
}
