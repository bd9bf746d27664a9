import NIOCore
import VolaryProtocol

/// Bytes of one client that have been read and not yet handled, and the state of their handling. Pure.
struct PendingInput {
    /// Maximum of pending bytes, besides the rest of a message: 1 MiB. One read brings at most 256 KiB, and the next read begins
    /// when all of it is handled. But when a client closes its connection, NIO reads everything that the kernel holds at once. A
    /// read that exceeds the maximum is dropped and counted in `volary_clients_gone_unread`.
    static let maximumBytes = 1024 * 1024

    /// A class, so that a connection without a rest pays a pointer only.
    final class Rest {
        var message: ClientMessage
        /// Whether nothing of the message has been handled.
        var isWhole: Bool

        init(_ message: ClientMessage, isWhole: Bool = false) {
            self.message = message
            self.isWhole = isWhole
        }
    }

    /// The rest of a message with several parts, or a long message that waits for its turn. Handled before ``bytes``.
    var rest: Rest?
    /// Bytes that have been read and not yet handled.
    var bytes = ByteBuffer()
    /// Bytes reserved in the event loop's ``LeftoverBudget`` for a client that has disconnected.
    var leftoverBytes = 0
    /// Whether the connection waits for its next turn in the event loop's ``TurnQueue``.
    var isQueued = false
    var isInTurn = false
    /// Whether the last turn used up its budget. The next read then waits for a turn, too.
    var hasSpentTurn = false
    /// Whether the client has ended its half, on a channel that stays open then: a stream.
    var isEnded = false
    /// Whether NIO has requested a read that has been postponed.
    var heldRead = false

    var isEmpty: Bool { self.bytes.readableBytes == 0 && self.rest == nil }

    /// Bytes that have not been handled, including the rest of a message.
    var byteCount: Int { self.bytes.readableBytes + (self.rest?.message.byteCount ?? 0) }

    mutating func drop() {
        self.bytes = ByteBuffer()
        self.rest = nil
    }

    /// Whether bytes that are read now can be handled at once.
    var isFree: Bool { self.isEmpty && !self.isQueued && !self.hasSpentTurn }

    /// - Returns: false when the pending bytes would exceed ``maximumBytes``; nothing is kept in that case.
    mutating func hold(_ more: ByteBuffer) -> Bool {
        guard self.bytes.readableBytes + more.readableBytes <= Self.maximumBytes else { return false }
        // A copy, because the buffer is shared by all connections of the thread.
        self.bytes.enqueue(more)
        return true
    }

    mutating func take() -> ByteBuffer {
        defer { self.bytes = ByteBuffer() }
        return self.bytes
    }
}
