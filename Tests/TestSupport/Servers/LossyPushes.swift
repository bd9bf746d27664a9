public import NIOConcurrencyHelpers
public import NIOCore

/// Loses messages that Redis pushes to one subscriber, on the way and in silence: its connection goes on. One for each connection, see
/// ``TCPProxy/start(to:rewriting:rewritingAnswers:)``. Written without the product.
public final class LossyPushes: StreamRewriter {
    /// What is to be lost on all connections of a proxy. A subscriber is named by a channel that only it subscribes to.
    public struct Orders: Sendable {
        fileprivate var losses: [String: Int] = [:]

        public init() {}

        /// The subscriber's next message on any other channel is lost.
        public mutating func loseNext(ofSubscriberTo channel: String) { self.losses[channel, default: 0] += 1 }

        fileprivate mutating func loses(messageOn channel: String, subscriber channels: Set<String>) -> Bool {
            guard let own = self.losses.keys.first(where: channels.contains), own != channel, let count = self.losses[own] else {
                return false
            }
            self.losses[own] = count > 1 ? count - 1 : nil
            return true
        }
    }

    private let orders: NIOLockedValueBox<Orders>
    private var answers = RedisAnswerStream()
    private var channels: Set<String> = []

    public init(_ orders: NIOLockedValueBox<Orders>) {
        self.orders = orders
    }

    public func rewrite(_ bytes: ByteBuffer) -> ByteBuffer {
        self.answers.append(bytes)
        var output = ByteBuffer()
        while let answer = self.answers.next() {
            if !self.isLost(answer.strings) { output.writeImmutableBuffer(answer.bytes) }
        }
        return output
    }

    private func isLost(_ strings: [String]) -> Bool {
        guard strings.count > 1 else { return false }
        switch strings[0] {
        case "ssubscribe":
            self.channels.insert(strings[1])
            return false
        case "smessage":
            return self.orders.withLockedValue { $0.loses(messageOn: strings[1], subscriber: self.channels) }
        default: return false
        }
    }
}

@available(*, unavailable)
extension LossyPushes: Sendable {}
