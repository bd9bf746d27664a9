import NIOConcurrencyHelpers
import NIOCore
import NIOHPACK
import NIOHTTP2
import TestSupport

/// One stream of an ``HTTP2TestClient``.
struct HTTP2TestStream: Sendable {
    struct State {
        let isDeaf: Bool
        var informational: [HPACKHeaders] = []
        var head: HPACKHeaders?
        var body = ByteBuffer()
        var frames: [ServerFrame] = []
        var framedBytes = 0
        var hasEnd = false
        var reset: HTTP2ErrorCode?
        var granted = 0
    }

    let client: HTTP2TestClient
    let id: HTTP2StreamID

    private func state<Value>(_ body: (State) -> Value) -> Value? {
        self.client.state.withLockedValue { $0.streams[self.id].map(body) }
    }

    /// The head of the answer; nil before it arrives.
    var head: HPACKHeaders? { self.state(\.head) ?? nil }

    var status: Int? { self.head?.first(name: ":status").flatMap { Int($0) } }

    /// Statuses of the heads before the answer.
    var informational: [String] { self.state { $0.informational.compactMap { $0.first(name: ":status") } } ?? [] }

    subscript(field name: String) -> String? { self.head?.first(name: name) }

    var bytes: Int { self.state { $0.body.readableBytes } ?? 0 }

    var body: String { self.state { String(buffer: $0.body) } ?? "" }

    /// The last part of the problem type; nil when the answer is not a problem.
    var problem: String? {
        guard let start = self.body.firstRange(of: "urn:volary:problem:")?.upperBound else { return nil }
        return String(self.body[start...].prefix { $0 != "\"" })
    }

    /// The frames of a WebSocket.
    var frames: [ServerFrame] {
        self.client.state.withLockedValue { state in
            guard var stream = state.streams[self.id] else { return [] }
            var rest = stream.body
            rest.moveReaderIndex(forwardBy: stream.framedBytes)
            let before = rest.readableBytes
            stream.frames += ServerFrame.read(&rest)
            stream.framedBytes += before - rest.readableBytes
            state.streams[self.id] = stream
            return stream.frames
        }
    }

    /// Whether the server has ended its half.
    var hasEnd: Bool { self.state(\.hasEnd) ?? false }

    /// The code of the server's RST_STREAM frame.
    var reset: HTTP2ErrorCode? { self.state(\.reset) ?? nil }

    var isOver: Bool { self.hasEnd || self.reset != nil || self.client.isEnded }

    /// Bytes of window that the server has given for the stream.
    var granted: Int { self.state(\.granted) ?? 0 }

    /// Waits for END_STREAM, for a reset, or for the end of the connection.
    func waitForEnd(within deadline: Duration = .seconds(30)) async throws {
        guard await eventually(within: deadline, { self.isOver }) else {
            throw HTTP2TestClient.Failure(text: "stream \(self.id) does not end: \(self.status ?? 0), \(self.body.prefix(200))")
        }
    }

    /// Waits for a number of frames.
    func frames(_ count: Int) async -> [ServerFrame] {
        _ = await eventually { self.frames.count >= count || self.client.isEnded }
        return self.frames
    }

    // MARK: - Sending

    /// Sends DATA frames, as many as the server's window allows.
    func send(_ bytes: [UInt8], ends: Bool = false) async throws {
        try await self.write(.data(.init(data: .byteBuffer(ByteBuffer(bytes: bytes)), endStream: ends))).get()
    }

    /// Like ``send(_:ends:)``, without a wait for the server's window.
    func begin(_ bytes: [UInt8], ends: Bool = false) {
        self.write(.data(.init(data: .byteBuffer(ByteBuffer(bytes: bytes)), endStream: ends))).whenComplete { _ in }
    }

    func sendTrailers(_ fields: [(String, String)]) async throws {
        try await self.write(.headers(.init(headers: HPACKHeaders(fields), endStream: true))).get()
    }

    func reset(_ code: HTTP2ErrorCode = .cancel) async throws { try await self.write(.rstStream(code)).get() }

    func grant(_ bytes: Int) async throws { try await self.write(.windowUpdate(windowSizeIncrement: bytes)).get() }

    private func write(_ payload: HTTP2Frame.FramePayload) -> EventLoopFuture<Void> {
        self.client.channel.writeAndFlush(HTTP2Frame(streamID: self.id, payload: payload))
    }
}
