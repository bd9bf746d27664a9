/// Limits the work for one client in one turn of its event loop. Pure.
///
/// The limit counts work and does not measure time; a turn takes about 100 us. A single message is handled completely, even
/// above the limit; its bytes are read, and inflated if they are compressed, in as many turns as they need.
struct TurnBudget {
    /// Frames and further parts of messages per turn: 256, with any payload. Empty fragments and pings cost as much as small messages.
    static let frames = 256
    /// Message bytes, wire bytes and inflated bytes per turn: 256 KiB each, the same as one read.
    static let bytes = 256 * 1024

    /// A message with more bytes than this is handled in a turn of its own: 128 KiB, some 300 us if it is JSON. Otherwise messages of
    /// many clients that arrive together would be handled without a break.
    static let undelayedBytes = 128 * 1024

    /// Bytes of replies that are sent in one turn: 1 MiB, which the kernel takes in about half a millisecond. A longer reply is sent in
    /// turns of its own.
    static let sentBytes = 1024 * 1024

    private var frames = 0
    private var payloadBytes = 0
    private var wireBytes = 0
    private var inflatedBytes = 0

    var isSpent: Bool {
        self.frames >= Self.frames || self.payloadBytes > Self.bytes || self.wireBytes > Self.bytes
            || self.inflatedBytes > Self.bytes
    }

    /// Call before each further part of a message. It costs as much as a frame.
    mutating func tookPart() { self.frames += 1 }

    mutating func read(frames: Int, bytes: Int, inflated: Int) {
        self.frames += frames
        self.wireBytes += bytes
        self.inflatedBytes += inflated
    }

    /// Call when a message is complete. Its bytes may have been read in earlier turns.
    mutating func completed(bytes: Int) { self.payloadBytes += bytes }

    /// Ends the turn.
    mutating func end() { self.payloadBytes = Self.bytes + 1 }
}
