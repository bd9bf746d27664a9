import NIOCore

/// Limits one client's messages and bytes per second. Pure. Only created for clients with a rate limit.
final class RateMeter {
    enum Verdict: Hashable {
        case pass
        /// The message is dropped; `first` marks the first of a series of dropped messages.
        case drop(first: Bool)
        case close
    }

    private var messages: TokenBucket?
    private var bytes: TokenBucket?
    private let overRate: ConnectionLimits.OverRate
    /// Bytes read since the last complete message.
    private var unpaidBytes = 0
    private var isDropping = false

    /// - Returns: nil when no rate is limited.
    init?(_ bounds: ConnectionLimits, now: NIODeadline) {
        guard bounds.messagesPerSecond != nil || bounds.bytesPerSecond != nil else { return nil }
        self.messages = bounds.messagesPerSecond.map { TokenBucket(perSecond: $0, now: now) }
        self.bytes = bounds.bytesPerSecond.map { TokenBucket(perSecond: $0, now: now) }
        self.overRate = bounds.overRate
    }

    /// Counts bytes from the wire, including frame headers and empty fragments.
    func read(_ bytes: Int) { self.unpaidBytes += bytes }

    /// Call when a message, a ping or a pong is complete. All bytes read since the last call are charged to it.
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
