import HTTPTypes
import Hummingbird
import NIOCore

/// `/metrics`, for Prometheus.
struct MetricsRoutes: Sendable {
    let registry: MetricsRegistry
    /// Values of the moment of the call, by name.
    let gauges: @Sendable () -> [(name: String, value: Int)]

    func add(to router: Router<BasicRequestContext>) {
        router.on("metrics", [.get: self.metrics])
    }

    @Sendable private func metrics(_: Request, _: BasicRequestContext) async throws -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: self.registry.text(gauges: self.gauges())))
        )
    }
}
