/// Limits the work for one client in one turn of its event loop. Pure.
///
/// The limit counts work and does not measure time; a turn takes about 100 us. A single message is handled completely, even
/// above the limit.
struct TurnBudget {
    /// Frames and further parts of messages per turn: 256, with any payload. Empty fragments and pings cost as much as small messages.
    static let frames = 256
    /// Message bytes and wire bytes per turn: 256 KiB each, the same as one read.
    static let bytes = 256 * 1024

    private var frames = 0
    private var payloadBytes = 0
    private var wireBytes = 0

    var isSpent: Bool {
        self.frames >= Self.frames || self.payloadBytes > Self.bytes || self.wireBytes > Self.bytes
    }

    /// Call before each further part of a message. It costs as much as a frame.
    mutating func tookPart() { self.frames += 1 }

    mutating func read(frames: Int, bytes: Int) {
        self.frames += frames
        self.wireBytes += bytes
    }

    /// Call when a message is complete. A compressed message may be much longer than its bytes on the wire.
    mutating func completed(bytes: Int) { self.payloadBytes += bytes }
}
