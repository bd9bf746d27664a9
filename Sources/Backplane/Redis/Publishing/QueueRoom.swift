/// The room that is left in a queue on the way to Redis, and the one rule by which senders share it: ``PublishInbox`` and ``Outbox`` ask it
/// alike. Pure.
///
/// - A client that has messages in the queue gets another one in only while it has less than an eighth of the bytes that are left; its first
///   message may take half of them. So however many clients send without pause, some room is left for those that do not.
/// - All clients together leave a quarter of the messages to REST callers and to the node.
/// - All REST callers together get another one in while they have less than the bytes that are left: half of the queue at most.
/// - The node itself (receipts, commands, announcements) may use all of it.
struct QueueRoom {
    /// Bytes that are left.
    let bytes: Int
    /// Messages in the queue.
    let messages: Int
    let maximumMessages: Int
    /// Bytes that one client may have in the queue, beside its first message.
    var clientBytes = Int.max

    /// - Parameters:
    ///   - bytes: of the message, with ``Outbox/overheadBytes``.
    ///   - own: bytes of this sender that are in the queue.
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
