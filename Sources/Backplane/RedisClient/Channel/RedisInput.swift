import NIOCore

/// What Redis sends on one connection: decodes the bytes, and distinguishes answers to commands from what a subscriber receives.
struct RedisInput {
    enum Item {
        case answer(RESPValue)
        case acknowledgement(RedisPush)
        case message(RedisPush)
        /// An array on a subscriber's connection that is neither.
        case unknown
    }

    /// Whether messages may arrive. After the first subscription every array is a push.
    let subscribes: Bool
    private let decoder = RESPDecoder()
    /// Memory for the values of the next read.
    private var storage: [RESPValue] = []
    private var hasSubscribed = false

    init(subscribes: Bool) {
        self.subscribes = subscribes
    }

    /// Call when a (S)SUBSCRIBE or (S)UNSUBSCRIBE is sent.
    mutating func subscriptionSent() {
        self.hasSubscribed = self.subscribes
    }

    /// - Returns: the values that the bytes complete, for ``recycle(_:)``, and what is wrong after them.
    mutating func decode(_ bytes: ByteBuffer) -> (values: [RESPValue], violation: RESPError?) {
        var values = self.storage
        self.storage = []
        do throws(RESPError) {
            try self.decoder.decode(bytes, into: &values)
        } catch {
            return (values, error)
        }
        return (values, nil)
    }

    /// Call with the values of a read when they have been handled, so that the next read needs no allocation.
    mutating func recycle(_ values: consuming [RESPValue]) {
        values.removeAll(keepingCapacity: true)
        self.storage = values
    }

    func item(_ value: RESPValue) -> Item {
        guard self.hasSubscribed, case .array(let elements) = value else { return .answer(value) }
        return switch RedisPush(elements) {
        case .pong: .answer(.status("PONG"))
        case nil: .unknown
        case .message(let channel, let payload): .message(.message(channel: channel, payload: payload))
        case .some(let acknowledgement): .acknowledgement(acknowledgement)
        }
    }
}
