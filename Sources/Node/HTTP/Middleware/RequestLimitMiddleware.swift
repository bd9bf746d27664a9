import Atomics
import HTTPTypes

/// Bounds the requests that a node works on at once, and with them their bodies and their waits for receipts. An answer that streams counts until
/// its end.
///
/// What a load balancer and a monitor ask is answered however many there are: a busy node must not look like a dead one.
struct RequestLimitMiddleware: Sendable {
    /// The place among the requests under way of an answer that streams; given up with the answer's body, whether that is sent or not.
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
        "This node works on as many requests as it takes at once.",
        headers: [.retryAfter: "1"]
    )
}
