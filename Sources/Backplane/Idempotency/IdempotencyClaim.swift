public import NIOCore

/// The caller's identifier of a request, with which the request may be repeated: 1 to 256 visible ASCII characters (0x21 to
/// 0x7E).
public struct IdempotencyKey: Hashable, Sendable, CustomStringConvertible {
    public let description: String

    public init?(_ text: String) {
        guard (1...IdempotencyLimits.keyBytes).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        self.description = text
    }
}

/// One attempt to execute a request under its key.
public struct IdempotencyClaim: Hashable, Sendable {
    public let key: IdempotencyKey
    /// A fingerprint of the request: equal for equal requests on every node, and different for different ones. At most 64 ASCII
    /// characters.
    public let request: String
    /// Distinguishes this attempt from others of the same request.
    let attempt: UInt64

    public init(key: IdempotencyKey, request: String) {
        self.key = key
        self.request = request
        self.attempt = .random(in: .min ... .max)
    }
}

/// The result of reserving an ``IdempotencyClaim``.
public enum IdempotencyReservation: Hashable, Sendable {
    /// This attempt must execute the request.
    case reserved
    /// The request has been executed before. The value is its answer.
    case answered(ByteBuffer)
    /// Another attempt is executing the request.
    case busy
    /// The key belongs to another request.
    case mismatch
}
