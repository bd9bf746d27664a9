import Atomics
import Hummingbird

/// Bounds the requests that a node works on at once, and with them their bodies and their waits for receipts.
///
/// What a load balancer and a monitor ask is answered however many there are: a busy node must not look like a dead one.
struct RequestLimitMiddleware: Sendable {
    private let maximumRequests: Int
    private let underWay = ManagedAtomic<Int>(0)

    init(maximumRequests: Int) {
        self.maximumRequests = maximumRequests
    }

    func handle(
        _ request: Request,
        _ context: BasicRequestContext,
        next: MiddlewareChain.Next
    ) async throws -> Response {
        switch request.uri.path {
        case "/livez", "/readyz", "/metrics": return try await next(request, context)
        default: break
        }
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
