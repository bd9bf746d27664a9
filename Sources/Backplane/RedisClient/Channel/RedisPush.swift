import NIOCore

/// What a subscriber receives from Redis, of sharded channels, or from a sentinel, of plain ones.
enum RedisPush: Hashable, Sendable {
    case message(channel: String, payload: ByteBuffer)
    case subscribed(channel: String)
    case unsubscribed(channel: String)
    /// The answer to PING on a subscriber's connection.
    case pong

    /// - Parameter elements: the elements of an array on a subscriber's connection. The initializer returns nil for an unknown
    ///   form.
    init?(_ elements: [RESPValue]) {
        guard let kind = elements.first?.bytes.map(String.init(buffer:)) else { return nil }
        switch (kind, elements.count) {
        case ("pong", 2):
            guard elements[1].bytes != nil else { return nil }
            self = .pong
        case ("smessage", 3), ("message", 3):
            guard let channel = elements[1].bytes, let payload = elements[2].bytes else { return nil }
            self = .message(channel: String(buffer: channel), payload: payload)
        case ("ssubscribe", 3), ("subscribe", 3):
            guard let channel = elements[1].bytes, elements[2].integer != nil else { return nil }
            self = .subscribed(channel: String(buffer: channel))
        case ("sunsubscribe", 3), ("unsubscribe", 3):
            guard let channel = elements[1].bytes, elements[2].integer != nil else { return nil }
            self = .unsubscribed(channel: String(buffer: channel))
        default:
            return nil
        }
    }
}
