import NIOCore
import VolaryBackplane

/// Carries the messages of one connection: a WebSocket (``WebSocketTransport``), an event stream (``EventStreamTransport``) or the answers
/// to polls (``LongPollTransport``), each over HTTP/1.1 or HTTP/2.
///
/// A transport belongs to one event loop. It creates its ``Connection``, passes each complete message to it, and is the only
/// way to write to the client:
///
/// - Writes leave at once, in order. Replies written while the transport handles a read leave together at the end of that read.
/// - After the first close, in either direction, nothing can be written: ``write(_:allowance:written:)`` returns `closed`. Only
///   the transport knows the descriptor, stream or request that bytes go to, and releases it when the channel closes.
/// - The transport counts its unsent bytes. A TCP channel knows the number. An HTTP/2 stream must not be asked for it (NIO ends
///   the process), so its transport counts the writes whose promises are not completed.
/// - The transport reads only while the connection has room (``Connection/hasRoom``), and resumes on ``resumeReading()``. It
///   keeps the rest of a message with several parts (``Connection/received(_:)``), and passes it on before the next message.
/// - The transport reports reads to the connection for the client's timeouts and rates (``Connection/input``). It reports the
///   end of the connection once.
protocol ClientTransport: AnyObject {
    /// How messages are framed. The framing, the client protocol and ``isDeflated`` decide which encoding of a publication the
    /// connection gets.
    var framing: Framing { get }
    /// Whether messages may be compressed.
    var isDeflated: Bool { get }
    /// Whether messages of at most `bytes` bytes may be compressed for this client.
    func allowsDeflated(bytes: Int) -> Bool

    /// Whether data can be written.
    var isOpen: Bool { get }
    /// False while so much is unsent that the client's messages are not handled.
    var isWritable: Bool { get }
    /// Bytes that have been written and not yet handed to the kernel.
    var unsentBytes: Int { get }

    /// Writes framed messages.
    /// - Parameters:
    ///   - allowance: the maximum of bytes that may be unsent before this write; above it nothing is written.
    ///   - written: completed when the bytes have been handed to the kernel or the write has failed. Not completed unless the
    ///     result is `sent` or `queued`.
    func write(_ bytes: ByteBuffer, allowance: Int, written: EventLoopPromise<Void>?) -> WriteResult

    /// Sends a ping behind all unsent bytes. Does nothing on a transport that is not open.
    /// - Parameter sent: called once, when the ping has been handed to the kernel or the write has failed; possibly before this
    ///   returns.
    func ping(sent: (() -> Void)?)

    /// Whether the client has disconnected while messages it sent are still being handled.
    var hasLeftovers: Bool { get }

    /// Closes the transport. Does nothing on a transport that is closing already, unless the reason is `cut`. If the client has
    /// disconnected, this drops its unhandled messages, and the connection has ended when this returns. Otherwise a `dismissal` drops
    /// them when the client disconnects.
    func close(_ reason: CloseReason)

    /// Resumes reading: the connection has room for messages again.
    func resumeReading()

    /// The first cause of the end of the transport.
    var ending: TransportEnding { get }
}

/// The result of a write.
enum WriteResult {
    /// All bytes have been handed to the kernel, or will be with the other replies of the current read.
    case sent
    /// `bytes` bytes are queued.
    case queued(bytes: Int, wasWritable: Bool)
    /// Too many bytes are queued already; nothing was written.
    case overAllowance
    /// The transport is closed; nothing can be written.
    case closed
}

/// How message boundaries are marked on a transport.
enum Framing: Hashable, Sendable {
    /// RFC 6455.
    case webSocket
    /// The messages are server-sent events, which have their own end.
    case eventStream
    /// Each message is the data of a server-sent event.
    case eventData
    /// The messages have their own ends: the body of an answer to a poll.
    case unframed
}

extension Framing {
    /// What frames messages in this way, as REST names it.
    var transport: ConnectionTransport {
        switch self {
        case .webSocket: .webSockets
        case .eventStream, .eventData: .serverSentEvents
        case .unframed: .longPolling
        }
    }
}

/// A transport that is the last handler of its channel.
protocol TransportHandler: ClientTransport, ChannelHandler {}
