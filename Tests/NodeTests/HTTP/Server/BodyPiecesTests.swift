import HTTPTypes
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

@testable import VolaryNode

/// Bodies that arrive in tiny pieces.
@Suite(.timeLimit(.minutes(2)))
struct BodyPiecesTests {
    enum Version: CaseIterable {
        case http1
        case http2
    }

    private static let piece = Array("abcdef".utf8)
    private static let count = 5000

    /// Reads all of a body once its gate is open, and counts its pieces and its bytes.
    private final class Reader: Sendable {
        let gate = Gate()
        private let counts = NIOLockedValueBox((pieces: 0, bytes: 0, isEnded: false))

        var pieces: Int { self.counts.withLockedValue { $0.pieces } }
        var bytes: Int { self.counts.withLockedValue { $0.bytes } }
        var isEnded: Bool { self.counts.withLockedValue { $0.isEnded } }

        var routes: RouteTable {
            var routes = RouteTable()
            routes.on(
                "/",
                [
                    .post: { request, _ in
                        defer { self.counts.withLockedValue { $0.isEnded = true } }
                        await self.gate.pass()
                        for try await piece in request.body {
                            self.counts.withLockedValue { counts in
                                counts.pieces += 1
                                counts.bytes += piece.readableBytes
                            }
                        }
                        return Response(status: .noContent)
                    }
                ]
            )
            return routes
        }
    }

    /// Sends the head of a request, then pieces of its body as long as the server takes them.
    /// - Parameter pieces: the number of pieces after which the reader begins and the body ends; nil for a body without an end.
    private static func send(_ version: Version, pieces: Int?, to listener: TestListener, _ reader: Reader) async throws {
        switch version {
        case .http1:
            let client = try await listener.connect()
            try await client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunks = (0..<(pieces ?? 1000)).flatMap { _ in Array("6\r\n".utf8) + Self.piece + Array("\r\n".utf8) }
            guard pieces == nil else {
                await reader.gate.arrival()
                try await client.send(bytes: chunks)
                reader.gate.open()
                try await client.send("0\r\n\r\n")
                #expect(await eventually { client.received.hasPrefix("HTTP/1.1 204 ") })
                return
            }
            while !client.isEnded { try? await client.send(bytes: chunks) }
        case .http2:
            let client = try await HTTP2TestClient.connect(port: listener.port)
            let stream = try await client.open(HTTP2Routes.post, ends: false)
            if let pieces {
                await reader.gate.arrival()
                for _ in 1..<pieces { stream.begin(Self.piece) }
                try await stream.send(Self.piece)
                // Frames of a connection are handled in their order: the pieces have arrived.
                #expect(try await client.request("GET", "/").status != nil)
                reader.gate.open()
                try await stream.send([], ends: true)
                #expect(await eventually { stream.status == 204 })
                return
            }
            while !stream.isOver {
                for _ in 0..<1000 { stream.begin(Self.piece) }
                try? await stream.send(Self.piece)
            }
        }
    }

    @Test(arguments: Version.allCases)
    func `Tiny pieces of a body are gathered before they are passed on`(_ version: Version) async throws {
        let reader = Reader()
        try await TestListener.with(reader.routes, settings: HTTP2Routes.settings) { listener in
            try await Self.send(version, pieces: Self.count, to: listener, reader)
        }
        #expect(reader.bytes == Self.count * Self.piece.count)
        #expect(reader.pieces < Self.count / 10)
    }

    @Test(arguments: Version.allCases)
    func `When the time of a listener that stops is up, a body that keeps arriving ends`(
        _ version: Version
    ) async throws {
        let (reader, stopped) = (Reader(), NIOLockedValueBox(ContinuousClock.now))
        reader.gate.open()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            try await TestListener.with(reader.routes, settings: HTTP2Routes.settings, drainTime: .milliseconds(100)) {
                listener in
                tasks.addTask { try await Self.send(version, pieces: nil, to: listener, reader) }
                #expect(await eventually { reader.pieces > 1 })
                stopped.withLockedValue { $0 = .now }
                await listener.stop()
                #expect(await eventually(within: .seconds(10)) { reader.isEnded })
            }
            #expect(ContinuousClock.now - stopped.withLockedValue { $0 } < .seconds(10))
            try await tasks.waitForAll()
        }
    }
}
