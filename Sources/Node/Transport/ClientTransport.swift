import NIOCore

/// Carries the messages of one connection: a WebSocket over HTTP/1.1 today (``WebSocketTransport``); a stream of HTTP/2, an event
/// stream or a long poll.
///
/// Belongs to one event loop. It makes its ``Connection``, gives it each complete message that it reads, and is the only way to
/// the client:
///
/// - What is written leaves at once, in order. Replies that are written while the transport handles what it has read leave
///   together once that is handled.
/// - After the first close, in either direction, nothing can be written: ``write(_:allowance:written:)`` answers `closed`. The
///   descriptor, stream or request that bytes go to is known to the transport alone, and is forgotten with the channel.
/// - It counts what is unsent by itself, whatever way is exact and cheap for it. A TCP channel knows the number. A stream of
///   HTTP/2 must not be asked for it (NIO ends the process): it counts the writes whose promises are not completed yet.
/// - It reads on only while the connection has room (``Connection/hasRoom``), and goes on when ``resumeReading()`` is called.
/// - It tells the connection of what it reads, for the client's times and rates (``Connection/input``), and once that the
///   connection has ended.
protocol ClientTransport: AnyObject {
    /// How messages are framed. With the client protocol and ``isDeflated`` this decides which bytes of a publication the
    /// connection gets.
    var framing: Framing { get }
    /// Whether messages may go compressed.
    var isDeflated: Bool { get }
    /// Whether messages of at most so many bytes may go compressed to this client.
    func allowsDeflated(bytes: Int) -> Bool

    /// Whether data may still be written.
    var isOpen: Bool { get }
    /// False while too much is unsent for the client to be listened to.
    var isWritable: Bool { get }
    /// Bytes that have been written and have not left for the kernel.
    var unsentBytes: Int { get }

    /// Writes framed messages.
    /// - Parameters:
    ///   - allowance: how many bytes may be unsent already; beyond that nothing is written.
    ///   - written: completed when the bytes have left for the kernel, or never will; not at all unless the answer is `sent` or
    /// `queued`.
    func write(_ bytes: ByteBuffer, allowance: Int, written: EventLoopPromise<Void>?) -> WriteResult

    /// Asks the client for a sign of life, behind everything that is unsent. Does nothing on a transport that is not open.
    /// - Parameter sent: called once the ping has left for the kernel, or never will; perhaps before this returns.
    func ping(sent: (() -> Void)?)

    /// Whether the client is gone, and what it had sent is still being handled.
    var hasLeftovers: Bool { get }

    /// Ends the transport. Does nothing on one that is closing already, unless it is to be cut. Of a client that is gone, it
    /// drops what is still to be handled, and the connection has ended when this returns.
    func close(_ reason: CloseReason)

    /// The connection has room for messages again.
    func resumeReading()

    /// What ended the transport first.
    var ending: TransportEnding { get }
}

/// What became of a write.
enum WriteResult {
    /// All has left for the kernel, or will with the other replies of this read.
    case sent
    /// So many bytes wait.
    case queued(bytes: Int, wasWritable: Bool)
    /// Too much waits already; nothing is written.
    case overAllowance
    /// Nothing can be written any more.
    case closed
}

/// How messages are told apart on a transport.
enum Framing: Hashable, Sendable {
    /// RFC 6455.
    case webSocket
}
