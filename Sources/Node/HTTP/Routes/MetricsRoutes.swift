import HTTPTypes
import NIOCore

/// `/metrics`, for Prometheus. Streamed by metric family: the text has 10 KiB at first, and grows with the number of labels.
struct MetricsRoutes: Sendable {
    /// Maximum size of a piece: 16 KiB, plus one metric family.
    private static let pieceBytes = 16 * 1024

    let registry: MetricsRegistry
    /// Values at the time of the call.
    let gauges: @Sendable () -> [Gauge]

    func add(to routes: inout RouteTable) {
        routes.on("/metrics", [.get: self.metrics])
    }

    @Sendable private func metrics(_: Request, _: HTTPRequestContext) async throws -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8", .cacheControl: "no-store"],
            stream: self.write
        )
    }

    @Sendable private func write(_ writer: ResponseBodyWriter) async throws {
        var piece = ByteBuffer()
        for family in self.registry.families(gauges: self.gauges()) {
            piece.writeString(family)
            guard piece.readableBytes >= Self.pieceBytes else { continue }
            try await writer.write(piece)
            piece = ByteBuffer()
        }
        try await writer.write(piece)
    }
}
