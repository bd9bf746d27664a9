#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A text from outside, of any length, which is compared, hashed and ordered by its bytes in UTF-8.
///
/// Swift compares and hashes `String` and `Character` by canonical equivalence, and sorts runs of combining marks for that. The
/// time is quadratic for a text made for the purpose (U+0301 and U+0323 in turn: 64 KiB take a second). Decoded text of a peer
/// (from percent-encoding or JSON) therefore has this type until its length is checked. The head of a request is ASCII, for which
/// `String` is safe.
public struct UTF8Text: Sendable {
    /// For code that passes the text on or reads its bytes. Must not be compared, hashed or read by `Character`.
    public let string: String

    public init(_ string: String) {
        self.string = string
    }

    public var utf8: String.UTF8View { self.string.utf8 }

    /// The parts between bytes of this value. Empty parts are left out.
    public func split(separator: UInt8) -> [UTF8Text] {
        self.utf8.split(separator: separator).map { UTF8Text(String(Substring($0))) }
    }

    private func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        self.utf8.withContiguousStorageIfAvailable { body(UnsafeRawBufferPointer($0)) }
            ?? Array(self.utf8).withUnsafeBytes(body)
    }

    /// Below, at or above zero, as the result of `memcmp`.
    private static func compare(_ left: UTF8Text, _ right: UTF8Text) -> Int {
        left.withBytes { left in
            right.withBytes { right in
                guard let first = left.baseAddress, let other = right.baseAddress else { return left.count - right.count }
                let order = memcmp(first, other, min(left.count, right.count))
                return order == 0 ? left.count - right.count : Int(order)
            }
        }
    }
}

extension UTF8Text: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) { self.init(value) }
}

extension UTF8Text: CustomStringConvertible {
    public var description: String { self.string }
}

extension UTF8Text: Hashable {
    public static func == (left: UTF8Text, right: UTF8Text) -> Bool {
        left.utf8.count == right.utf8.count && self.compare(left, right) == 0
    }

    public func hash(into hasher: inout Hasher) {
        self.withBytes { hasher.combine(bytes: $0) }
        // 0xFF is in no UTF-8, so it separates consecutive texts.
        hasher.combine(0xFF as UInt8)
    }
}

extension UTF8Text: Comparable {
    public static func < (left: UTF8Text, right: UTF8Text) -> Bool { self.compare(left, right) < 0 }
}
