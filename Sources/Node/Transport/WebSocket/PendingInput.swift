import NIOCore

/// What one client has sent and nobody has handled yet, and when it will be handled. Pure.
struct PendingInput {
    /// Bytes that may wait: 1 MiB. One read brings 256 KiB, and the next follows once all of it is handled; but when a client
    /// ends its connection, NIO reads at once all that the kernel holds of it. What is beyond is dropped, counted as
    /// `volary_clients_gone_unread`.
    static let maximumBytes = 1024 * 1024

    /// What waits.
    var bytes = ByteBuffer()
    /// Of a client that is gone: what it had left, as it is counted in the loop's ``LeftoverBudget``.
    var leftoverBytes = 0
    /// It waits for its next turn in the loop's ``TurnQueue``.
    var isQueued = false
    var isInTurn = false
    /// The last turn used up its budget: what is read next waits for a turn, too.
    var hasSpentTurn = false
    /// Whether a read has been asked for that the node does not want yet.
    var heldRead = false

    var isEmpty: Bool { self.bytes.readableBytes == 0 }

    /// Whether what is read now can be handled at once.
    var isFree: Bool { self.isEmpty && !self.isQueued && !self.hasSpentTurn }

    /// - Returns: false when that would be too much; nothing is kept then.
    mutating func hold(_ more: ByteBuffer) -> Bool {
        guard self.bytes.readableBytes + more.readableBytes <= Self.maximumBytes else { return false }
        // A copy: the buffer is the thread's.
        self.bytes.enqueue(more)
        return true
    }

    mutating func take() -> ByteBuffer {
        defer { self.bytes = ByteBuffer() }
        return self.bytes
    }
}
