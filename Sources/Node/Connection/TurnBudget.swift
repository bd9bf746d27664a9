/// How much of one client is handled in one turn of its event loop. Pure.
///
/// Counted, not timed: a turn within it takes some 100 us. A single message is handled as a whole, however large.
struct TurnBudget {
    /// Frames: 256, whatever they carry. Empty fragments and pings cost as much as small messages.
    static let frames = 256
    /// Bytes of messages, and bytes as they come over the wire: 256 KiB each, as much as one read brings.
    static let bytes = 256 * 1024

    private var frames = 0
    private var payloadBytes = 0
    private var wireBytes = 0

    var isSpent: Bool {
        self.frames >= Self.frames || self.payloadBytes > Self.bytes || self.wireBytes > Self.bytes
    }

    mutating func read(frames: Int, bytes: Int) {
        self.frames += frames
        self.wireBytes += bytes
    }

    /// A message is whole; compressed, it may be much longer than what came over the wire.
    mutating func completed(bytes: Int) { self.payloadBytes += bytes }
}
