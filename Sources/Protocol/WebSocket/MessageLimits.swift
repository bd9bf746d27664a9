/// What one message of a client may cost a node (RFC 6455 section 10.4).
public struct MessageLimits: Hashable, Sendable {
    // 32 bits each: every connection carries them.
    private let messageBytes: UInt32
    private let framesPerMessage: UInt32

    /// The largest payload of a message, over all its fragments, in bytes, inclusive.
    public var maximumMessageBytes: Int { Int(self.messageBytes) }
    /// The most data frames one message may consist of, inclusive.
    public var maximumFramesPerMessage: Int { Int(self.framesPerMessage) }

    /// - Parameters:
    ///   - maximumMessageBytes: 1 to ``Limits/maximumPayloadBytes``, by default 1 MiB. A connection's incomplete message takes
    ///     at most this, rounded up to a power of two.
    ///   - maximumFramesPerMessage: 1 to 2^32 - 1, by default 16,384: the largest default message in fragments of 64 bytes, far
    ///     smaller ones than clients send. Without a bound, a message of empty fragments would never end and never pass the
    ///     other limit.
    public init(maximumMessageBytes: Int = 1024 * 1024, maximumFramesPerMessage: Int = 16_384) {
        precondition((1...Limits.maximumPayloadBytes).contains(maximumMessageBytes), "maximumMessageBytes is out of range")
        precondition((1...Int(UInt32.max)).contains(maximumFramesPerMessage), "maximumFramesPerMessage is out of range")
        self.messageBytes = UInt32(maximumMessageBytes)
        self.framesPerMessage = UInt32(maximumFramesPerMessage)
    }
}
