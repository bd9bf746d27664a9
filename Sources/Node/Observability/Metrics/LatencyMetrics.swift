import NIOCore

/// How long the parts of a node's work take.
struct LatencyMetrics: Sendable {
    /// From the time at which a publication's node accepted it to the last write of this node, in whole milliseconds of two clocks.
    let deliveries: Histogram
    let redis: Histogram
    /// From a valid handshake to the decision whether its client may connect.
    let handshakes: Histogram
    let eventLoops: Histogram
    /// By the route's index.
    private let requests: [Histogram]

    init(_ registry: MetricsRegistry) {
        self.deliveries = registry.histogram("volary_delivery_seconds")
        self.redis = registry.histogram("volary_redis_round_trip_seconds")
        self.handshakes = registry.histogram("volary_handshake_seconds")
        self.eventLoops = registry.histogram("volary_event_loop_lag_seconds")
        self.requests = RequestRoute.allCases.map { route in
            registry.histogram("volary_http_request_seconds", [("method", route.method), ("route", route.template)])
        }
    }

    func requestAnswered(_ route: RequestRoute, after time: TimeAmount) { self.requests[route.rawValue].record(time) }
}
