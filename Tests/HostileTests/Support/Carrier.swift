import TestSupport
import Testing

/// What carries a WebSocket or a request to a node that listens with ``options``.
enum Carrier: CaseIterable, Sendable {
    case http1
    /// A stream of an HTTP/2 connection of its own; the same text is sent.
    case http2

    static let options = ["--http2", "on"]

    func connect(port: Int) async throws -> RawTestClient {
        switch self {
        case .http1: try await RawTestClient.connect(port: port)
        case .http2: try await RawTestClient.overHTTP2(port: port)
        }
    }

    /// Sends a request and reads its answer to the end.
    func request(_ text: String, port: Int) async throws -> String {
        let client = try await self.connect(port: port)
        _ = await client.sends(Array(text.utf8), within: .seconds(10))
        #expect(await eventually(within: .seconds(10)) { client.isEnded }, "\(self): \(text.prefix(200))")
        return client.received
    }
}
