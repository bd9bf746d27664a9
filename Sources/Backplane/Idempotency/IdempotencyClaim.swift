public import NIOCore

/// What a caller names a request by, so that it may send it again: 1 to 256 visible ASCII characters (0x21 to 0x7E).
public struct IdempotencyKey: Hashable, Sendable, CustomStringConvertible {
    public let description: String

    public init?(_ text: String) {
        guard (1...IdempotencyLimits.keyBytes).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        self.description = text
    }
}

/// One attempt to carry out a request under its key.
public struct IdempotencyClaim: Hashable, Sendable {
    public let key: IdempotencyKey
    /// Tells what is asked for: the same for the same request, whichever node makes it, and for no other. At most 64 ASCII characters.
    public let request: String
    /// Tells this attempt from others of the same request.
    let attempt: UInt64

    public init(key: IdempotencyKey, request: String) {
        self.key = key
        self.request = request
        self.attempt = .random(in: .min ... .max)
    }
}

/// What became of an ``IdempotencyClaim``.
public enum IdempotencyReservation: Hashable, Sendable {
    /// It is this attempt that carries the request out.
    case reserved
    /// The request has been carried out before: what was said then.
    case answered(ByteBuffer)
    /// Another attempt is at it.
    case busy
    /// The key stands for another request.
    case mismatch
}
