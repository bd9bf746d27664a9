/// Limits of one message of a client (RFC 6455 section 10.4).
public struct MessageLimits: Hashable, Sendable {
    // 32 bits each, because every connection stores them.
    private let messageBytes: UInt32
    private let framesPerMessage: UInt32

    /// The largest payload of a message in bytes, all fragments together, inclusive.
    public var maximumMessageBytes: Int { Int(self.messageBytes) }
    /// The largest number of data frames in one message, inclusive.
    public var maximumFramesPerMessage: Int { Int(self.framesPerMessage) }

    /// - Parameters:
    ///   - maximumMessageBytes: 1 to ``Limits/maximumPayloadBytes``, by default 1 MiB. The incomplete message of a connection
    ///     takes at most this, rounded up to a power of two.
    ///   - maximumFramesPerMessage: 1 to 2^32 - 1, by default 16,384: the largest default message in fragments of 64 bytes,
    ///     which is far smaller than clients use. Without this limit, a message of empty fragments would never end and never
    ///     exceed the other limit.
    public init(maximumMessageBytes: Int = 1024 * 1024, maximumFramesPerMessage: Int = 16_384) {
        precondition((1...Limits.maximumPayloadBytes).contains(maximumMessageBytes), "maximumMessageBytes is out of range")
        precondition((1...Int(UInt32.max)).contains(maximumFramesPerMessage), "maximumFramesPerMessage is out of range")
        self.messageBytes = UInt32(maximumMessageBytes)
        self.framesPerMessage = UInt32(maximumFramesPerMessage)
    }
}
