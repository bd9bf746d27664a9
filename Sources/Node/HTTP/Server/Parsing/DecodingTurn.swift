import NIOCore

/// How much of a client's requests is decoded in one turn of its event loop, and in pieces of which size. Pure.
///
/// A turn ends after ``maximumHeads``, ``maximumParts`` or ``maximumTime``. A piece is decoded without a break. Pieces become small
/// when their bytes are many small parts, such as chunks of one byte, and large when they are the data of a large body.
struct DecodingTurn {
    /// Requests in a turn: 8. Most of the work of a request comes after it is decoded.
    static let maximumHeads = 8
    /// Heads and pieces of bodies in a turn: 256.
    static let maximumParts = 256
    /// Time after which a turn ends: 100 us.
    static let maximumTime = TimeAmount.microseconds(100)
    /// Bytes that are decoded without a break: 512 B to 16 KiB. 512 B are about 10 of the smallest requests with a body, or 85 chunks
    /// of one byte.
    static let pieceBytes = 512...16 * 1024
    /// About the time that the requests of a turn take once they are decoded, if the event loop answers them: 25 us each.
    static let laterWork = TimeAmount.microseconds(25) * Self.maximumHeads

    private(set) var pieceBytes = 2 * Self.pieceBytes.lowerBound
    private(set) var isSpent = false
    private(set) var heads = 0
    private var parts = 0
    private var end: NIODeadline?

    init() {}

    private init(pieceBytes: Int) {
        self.pieceBytes = pieceBytes
    }

    /// Begins the next turn.
    mutating func begin() { self = DecodingTurn(pieceBytes: self.pieceBytes) }

    mutating func beginPiece(now: NIODeadline) {
        if self.end == nil { self.end = now + Self.maximumTime }
    }

    /// - Parameters:
    ///   - bytes: length of the piece, including bytes that the decoder has seen before.
    ///   - parts: heads and pieces of bodies that have been decoded from it; `heads` are those of them.
    mutating func endPiece(bytes: Int, heads: Int, parts: Int, now: NIODeadline) {
        self.heads += heads
        self.parts += parts
        self.isSpent = self.heads >= Self.maximumHeads || self.parts >= Self.maximumParts || self.end.map { now >= $0 } ?? false
        if parts > 16 {
            self.pieceBytes = Self.pieceBytes.lowerBound
        } else if parts <= 4, bytes >= self.pieceBytes {
            self.pieceBytes = min(2 * self.pieceBytes, Self.pieceBytes.upperBound)
        }
    }
}
