/// The free capacity of a queue on the way to Redis, and the rule by which senders share it. ``PublishInbox`` and ``Outbox``
/// use the same rule. Pure.
///
/// - A client with messages in the queue may add another one only while it has less than an eighth of the free bytes. Its first
///   message may take half of them. So any number of clients that send without pause leave some room for others.
/// - All clients together leave a quarter of the messages to REST callers and to the node.
/// - All REST callers together may add another message while they have less than the free bytes, which is at most half of the
///   queue.
/// - The node itself (receipts, commands, announcements) may use all of the capacity.
struct QueueRoom {
    /// Free bytes.
    let bytes: Int
    /// Number of messages in the queue.
    let messages: Int
    let maximumMessages: Int
    /// Maximum of bytes that one client may have in the queue, besides its first message.
    var clientBytes = Int.max

    /// - Parameters:
    ///   - bytes: size of the message, including ``Outbox/overheadBytes``.
    ///   - own: bytes of this sender in the queue.
    func admits(_ bytes: Int, of sender: MessageSender, having own: Int) -> Bool {
        guard bytes <= self.bytes, self.messages < self.maximumMessages else { return false }
        switch sender {
        case .node: return true
        case .callers: return own == 0 || own + bytes <= self.bytes
        case .client:
            guard self.messages < self.maximumMessages - self.maximumMessages / 4 else { return false }
            return own == 0 ? bytes <= self.bytes / 2 : own + bytes <= min(self.bytes / 8, self.clientBytes)
        }
    }
}
