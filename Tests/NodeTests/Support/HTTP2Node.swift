import HTTPTypes
import TestSupport

@testable import VolaryNode

/// A node that speaks HTTP/2 without TLS, and its clients.
enum HTTP2Node {
    /// Runs `body` with a node and one connection to it.
    static func with(
        _ options: [ConfigurationOption: String] = [:],
        window: Int = 65_535,
        _ body: (HTTP2TestClient, APITestNode) async throws -> Void
    ) async throws {
        try await APITestNode.with([.http2: "on"].merging(options) { $1 }) { node in
            let client = try await HTTP2TestClient.connect(port: node.port, window: window)
            try await body(client, node)
            await client.close()
        }
    }

    /// A connection whose bytes a test makes itself, after the start of the connection.
    static func raw(port: Int) async throws -> RawTestClient {
        let client = try await RawTestClient.connect(port: port)
        try await client.send(bytes: HTTP2Bytes.start)
        return client
    }
}

extension RawTestClient {
    var frames: [HTTP2Bytes.Frame] { HTTP2Bytes.frames(self.bytes) }

    /// The codes of the server's frames that end the connection, or a stream.
    func codes(_ kind: HTTP2Bytes.Kind) -> [UInt32] {
        self.frames.filter { $0.kind == kind.rawValue }.map { $0.payload.suffix(4).reduce(0) { $0 << 8 | UInt32($1) } }
    }
}

/// Routes of a test at a listener that speaks HTTP/2, without the other parts of a node.
enum HTTP2Routes {
    static var settings: HTTPSettings {
        var settings = EmbeddedServer.settings
        settings.http2 = .on
        return settings
    }

    static func with(
        _ handlers: KeyValuePairs<HTTPRequest.Method, RouteHandler>,
        settings: HTTPSettings = Self.settings,
        _ body: (HTTP2TestClient, TestListener) async throws -> Void
    ) async throws {
        var routes = RouteTable()
        routes.on("/", handlers)
        try await TestListener.with(routes, settings: settings) { listener in
            let client = try await HTTP2TestClient.connect(port: listener.port)
            try await body(client, listener)
            await client.close()
        }
    }

    static let echo: RouteHandler = { request, _ in
        let bytes = try await request.body.collect(upTo: 4_000_000)
        return Response(status: .ok, body: bytes)
    }

    static let post = Self.head("POST")

    static func head(_ method: String) -> [(String, String)] {
        [(":method", method), (":scheme", "http"), (":authority", "test"), (":path", "/")]
    }
}
