import Atomics
import Hummingbird

/// Bounds the requests that a node works on at once, and with them their bodies and their waits for receipts.
///
/// What a load balancer and a monitor ask is answered however many there are: a busy node must not look like a dead one.
struct RequestLimitMiddleware<Context: RequestContext>: RouterMiddleware {
    private let maximumRequests: Int
    private let underWay = ManagedAtomic<Int>(0)

    init(maximumRequests: Int) {
        self.maximumRequests = maximumRequests
    }

    private static var exempt: Set<String> { ["/livez", "/readyz", "/metrics"] }

    @concurrent func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        if Self.exempt.contains(request.uri.path) { return try await next(request, context) }
        defer { self.underWay.wrappingDecrement(ordering: .relaxed) }
        guard self.underWay.wrappingIncrementThenLoad(ordering: .relaxed) <= self.maximumRequests else {
            throw Problem(
                .serviceUnavailable,
                "too-many-requests",
                "This node works on as many requests as it takes at once.",
                headers: [.retryAfter: "1"]
            )
        }
        return try await next(request, context)
    }
}
