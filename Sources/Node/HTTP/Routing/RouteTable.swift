import HTTPTypes

/// The routes of a node: the handler for each path and method.
///
/// Each path answers OPTIONS, and HEAD if it has GET. Other methods get 405 with `Allow` (RFC 9110 section 15.5.6). Routes are
/// tried in the order in which they were added, so literal paths have to be added before paths with parameters that match them
/// as well.
struct RouteTable: Sendable {
    private struct Route: Sendable {
        let path: PathTemplate
        let methods: [(method: HTTPRequest.Method, label: RequestRoute, handler: RouteHandler)]
        /// The value of `Allow`.
        let allowed: String
    }

    private let middleware: Middleware
    private var routes: [Route] = []

    /// - Parameter middleware: called for every request, including those without a route. Its errors are not caught.
    init(middleware: @escaping Middleware = { try await $2($0, $1) }) {
        self.middleware = middleware
    }

    /// The templates of all paths.
    var templates: [String] { self.routes.map(\.path.text) }

    /// Adds a path with all of its methods.
    /// - Parameter path: has parameters in braces, for example `/api/connections/{id}`.
    mutating func on(_ path: String, _ handlers: KeyValuePairs<HTTPRequest.Method, RouteHandler>) {
        var methods = handlers.map { (method: $0.key, label: RequestRoute($0.key, path), handler: $0.value) }
        if let get = methods.first(where: { $0.method == .get }) {
            methods.append((.head, get.label, { try await get.handler($0, $1).withoutBody }))
        }
        let allowed = (methods.map(\.method.rawValue) + ["OPTIONS"]).sorted().joined(separator: ", ")
        methods.append((.options, .other, { _, _ in Response(status: .noContent, headers: [.allow: allowed]) }))
        self.routes.append(Route(path: PathTemplate(path), methods: methods, allowed: allowed))
    }

    /// Answers a request through the middleware.
    func respond(to request: Request, context: HTTPRequestContext) async throws -> Response {
        var context = context
        for route in self.routes {
            guard let parameters = route.path.match(request.path) else { continue }
            context.parameters = parameters
            guard let (_, label, handler) = route.methods.first(where: { $0.method == request.method }) else {
                return try await self.middleware(request, context) { _, _ in throw Problem.methodNotAllowed(route.allowed) }
            }
            context.route = label
            return try await self.middleware(request, context, handler)
        }
        return try await self.middleware(request, context) { _, _ in throw Problem.unknownPath }
    }
}

extension Problem {
    /// - Parameter allowed: the methods of the path.
    fileprivate static func methodNotAllowed(_ allowed: String) -> Problem {
        Problem(.methodNotAllowed, "method-not-allowed", "This path does not support the method.", headers: [.allow: allowed])
    }
}
