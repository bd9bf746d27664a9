import NIOCore
import VolaryBackplane
import VolaryProtocol

/// A client in the process of its node, without a socket: for tests of applications. Its messages are texts. Belongs to the connection's event
/// loop.
///
/// Frames are encoded as for a WebSocket, so that a test has the encodings that clients have.
final class MemoryTransport: ClientTransport {
    let framing = Framing.webSocket
    let isDeflated = false
    private let received: @Sendable (String?) -> Void
    private var connection: Connection?
    private var input: [ClientMessage] = []
    private var isHandling = false
    private var ended: TransportEnding?

    /// - Parameter received: called with each text for the client, and with nil at the end.
    init(received: @escaping @Sendable (String?) -> Void) {
        self.received = received
    }

    /// - Returns: the id of the connection.
    func open(_ admitted: WebSocketAdmission.AdmittedClient, on shard: ConnectionShard, host: ConnectionHost) -> ConnectionID {
        let connection = Connection(for: admitted, on: shard, host: host, transport: self)
        self.connection = connection
        connection.input.timeouts.stopsReading()
        connection.opened(ConnectRequest(admitted))
        return connection.id
    }

    // MARK: - From the client

    func send(_ text: ByteBuffer) {
        self.input.append(.text(text))
        self.resumeReading()
    }

    /// The client has gone, with a close frame of this code, or without one.
    func leave(_ code: CloseCode?) { self.end(TransportEnding(code: code, side: .client)) }

    func resumeReading() {
        guard !self.isHandling else { return }
        self.isHandling = true
        defer { self.isHandling = false }
        while self.ended == nil, let connection, connection.hasRoom, !self.input.isEmpty {
            do throws(ProtocolViolation) {
                if let rest = try connection.received(self.input.removeFirst()) { self.input.insert(rest, at: 0) }
            } catch {
                connection.close(.violation(error))
            }
        }
    }

    // MARK: - To the client

    var isOpen: Bool { self.ended == nil }
    var isWritable: Bool { true }
    var unsentBytes: Int { 0 }
    var hasLeftovers: Bool { false }
    var ending: TransportEnding { self.ended ?? TransportEnding(code: nil, side: .client) }

    func allowsDeflated(bytes: Int) -> Bool { false }

    func write(_ bytes: ByteBuffer, allowance: Int, written: EventLoopPromise<Void>?) -> WriteResult {
        guard self.isOpen else { return .closed }
        var bytes = bytes
        while let text = Self.text(&bytes) { self.received(text) }
        written?.succeed()
        return .sent
    }

    /// The payload of the next frame. A node neither masks nor splits what it sends.
    private static func text(_ frames: inout ByteBuffer) -> String? {
        guard frames.readInteger(as: UInt8.self) != nil, let first = frames.readInteger(as: UInt8.self) else { return nil }
        let length: Int? =
            switch first {
            case 126: frames.readInteger(as: UInt16.self).map(Int.init)
            case 127: frames.readInteger(as: UInt64.self).map(Int.init)
            default: Int(first)
            }
        return length.flatMap { frames.readString(length: $0) }
    }

    func ping(sent: (() -> Void)?) { sent?() }

    func close(_ reason: CloseReason) {
        let code: CloseCode? =
            switch reason {
            case .close(let code, _), .dismissal(let code, _, _): code
            case .violation(let violation): violation.closeCode
            case .cut: nil
            }
        self.end(TransportEnding(code: code, side: .server))
    }

    private func end(_ ending: TransportEnding) {
        guard self.ended == nil, let connection else { return }
        self.ended = ending
        self.input = []
        self.received(nil)
        let (bound, eventLoop) = (NIOLoopBound(self, eventLoop: connection.shard.eventLoop), connection.shard.eventLoop)
        // Not within a call of the connection.
        eventLoop.execute {
            bound.value.connection?.closed()
            bound.value.connection = nil
        }
    }
}

@available(*, unavailable)
extension MemoryTransport: Sendable {}
