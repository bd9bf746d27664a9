import Atomics
import HTTPTypes

/// Limits the number of concurrent requests, and thus of bodies in memory and of waits for receipts. A streamed answer counts
/// until its end.
///
/// Requests of load balancers and monitoring, and long polls, are always answered, so that a busy node does not look like a failed one.
struct RequestLimitMiddleware: Sendable {
    /// Counts a streamed answer as a concurrent request, until the answer's body is released.
    private final class Place: Sendable {
        private let underWay: ManagedAtomic<Int>

        init(_ underWay: ManagedAtomic<Int>) {
            self.underWay = underWay
        }

        deinit { self.underWay.wrappingDecrement(ordering: .relaxed) }
    }

    private let maximumRequests: Int
    private let underWay = ManagedAtomic<Int>(0)

    init(maximumRequests: Int) {
        self.maximumRequests = maximumRequests
    }

    func handle(_ request: Request, _ context: HTTPRequestContext, next: NextHandler) async throws -> Response {
        switch request.path {
        case "/livez", "/readyz", "/metrics": return try await next(request, context)
        // Long polls wait for messages, one for each connection.
        case let path where request.method == .get && ConnectionRequestRoutes.serves(path):
            return try await next(request, context)
        default: break
        }
        guard self.underWay.wrappingIncrementThenLoad(ordering: .relaxed) <= self.maximumRequests else {
            self.underWay.wrappingDecrement(ordering: .relaxed)
            throw Problem.tooManyRequests
        }
        var isStreaming = false
        defer { if !isStreaming { self.underWay.wrappingDecrement(ordering: .relaxed) } }
        var response = try await next(request, context)
        if case .stream(let produce) = response.body {
            isStreaming = true
            let place = Place(self.underWay)
            response.body = .stream { writer in
                try await produce(writer)
                withExtendedLifetime(place) {}
            }
        }
        return response
    }
}

extension Problem {
    fileprivate static let tooManyRequests = Problem(
        .serviceUnavailable,
        "too-many-requests",
        "This node is at its limit of concurrent requests.",
        headers: [.retryAfter: "1"]
    )
}
