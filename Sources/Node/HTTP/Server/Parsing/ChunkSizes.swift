import NIOCore
import NIOHTTP1

/// Checks the sizes of chunks (RFC 9112 section 7.1) before their data arrives. The decoder does not report these sizes. With
/// this check, a client that announces a chunk above the limit gets the answer at once, as with a `Content-Length`.
///
/// The check compares the addresses of decoded parts with the bytes of the read: the bytes before the data of a chunk, or after
/// all data, are the line with the size. A line that is split over two reads is not checked; its body is limited by its reader,
/// like any other body.
final class ChunkSizes {
    /// A chunk is larger than the maximum body size.
    struct TooLarge: Error, Hashable {
        let maximumBytes: Int
    }

    private let maximumBodyBytes: Int
    /// Whether a chunked body is being received.
    private var isOpen = false
    /// Address range of the last data within the bytes that are being decoded.
    private var data: Range<UInt>?

    init(maximumBodyBytes: Int) {
        self.maximumBodyBytes = maximumBodyBytes
    }

    /// Call when a head has been decoded.
    func begin(_ head: HTTPRequestHead) { self.isOpen = head.headers.contains(name: "transfer-encoding") }

    /// Call when a piece of the body has been decoded.
    func received(_ bytes: ByteBuffer) {
        if self.isOpen { self.data = Self.addresses(of: bytes) }
    }

    /// Call when the end of the body has been decoded.
    func end() { self.isOpen = false }

    /// - Parameter piece: all bytes that have been decoded since the last call.
    /// - Throws: ``TooLarge`` if they contain the size line of a chunk above the limit.
    func check(_ piece: ByteBuffer) throws(TooLarge) {
        defer { self.data = nil }
        guard self.isOpen else { return }
        let addresses = Self.addresses(of: piece)
        let end =
            self.data.map { $0.upperBound == addresses.upperBound ? $0.lowerBound : addresses.upperBound } ?? addresses.upperBound
        guard addresses.contains(end) || end == addresses.upperBound else { return }
        if self.isTooLarge(lineBefore: piece.readableBytesView.prefix(Int(end - addresses.lowerBound))) {
            throw TooLarge(maximumBytes: self.maximumBodyBytes)
        }
    }

    private func isTooLarge(lineBefore bytes: ByteBufferView) -> Bool {
        guard bytes.suffix(2).elementsEqual("\r\n".utf8) else { return false }
        let line = bytes.dropLast(2)
        let start = line.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? line.startIndex
        let digits = line[start...].prefix { Self.value(of: $0) != nil }
        // An extension may follow the size.
        switch line[(start + digits.count)...].first {
        case nil, UInt8(ascii: ";"), UInt8(ascii: " "), UInt8(ascii: "\t"): break
        default: return false
        }
        let size = digits.reduce(0) { $0 > Int.max >> 5 ? $0 : $0 << 4 | (Self.value(of: $1) ?? 0) }
        return size > self.maximumBodyBytes
    }

    private static func value(of digit: UInt8) -> Int? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(digit - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
            Int(digit.lowercased - UInt8(ascii: "a")) + 10
        default: nil
        }
    }

    private static func addresses(of bytes: ByteBuffer) -> Range<UInt> {
        bytes.withUnsafeReadableBytes { memory in
            let start = memory.baseAddress.map { UInt(bitPattern: $0) } ?? 0
            return start..<start + UInt(memory.count)
        }
    }
}

@available(*, unavailable)
extension ChunkSizes: Sendable {}
