import NIOCore

/// Holds one client to its messages and bytes a second. Pure; made only for those who are held to any.
final class RateMeter {
    enum Verdict: Hashable {
        case pass
        /// The message is dropped; `first` of those between two that pass.
        case drop(first: Bool)
        case close
    }

    private var messages: TokenBucket?
    private var bytes: TokenBucket?
    private let overRate: ConnectionLimits.OverRate
    /// Read since the last message was whole.
    private var unpaidBytes = 0
    private var isDropping = false

    /// - Returns: nil when there is nothing to hold the client to.
    init?(_ bounds: ConnectionLimits, now: NIODeadline) {
        guard bounds.messagesPerSecond != nil || bounds.bytesPerSecond != nil else { return nil }
        self.messages = bounds.messagesPerSecond.map { TokenBucket(perSecond: $0, now: now) }
        self.bytes = bounds.bytesPerSecond.map { TokenBucket(perSecond: $0, now: now) }
        self.overRate = bounds.overRate
    }

    /// Bytes have come over the wire: of any frame, headers and empty fragments included.
    func read(_ bytes: Int) { self.unpaidBytes += bytes }

    /// A message, a ping or a pong is whole, and pays for all that was read before it.
    func completed(now: NIODeadline) -> Verdict {
        let cost = self.unpaidBytes
        self.unpaidBytes = 0
        let fewEnough = self.messages?.take(1, now: now) ?? true
        let smallEnough = self.bytes?.take(cost, now: now) ?? true
        if fewEnough, smallEnough {
            self.isDropping = false
            return .pass
        }
        guard self.overRate == .drop else { return .close }
        defer { self.isDropping = true }
        return .drop(first: !self.isDropping)
    }
}

@available(*, unavailable)
extension RateMeter: Sendable {}
