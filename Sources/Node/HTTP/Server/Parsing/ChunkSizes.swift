import NIOCore
import NIOHTTP1

/// Looks at the sizes of chunks (RFC 9112 section 7.1) before their bytes come: the decoder keeps them to itself, and a client that announces a body
/// that is too large hears it at once, as with a `Content-Length`.
///
/// Between the parts that the decoder makes and the bytes that it makes them of, by address: what stands before the data of a chunk, or after all
/// data, is the line with the size. One that is split over two reads is not looked at; its body is bounded like any other by who reads it.
final class ChunkSizes {
    /// A chunk is larger than any body may be.
    struct TooLarge: Error, Hashable {
        let maximumBytes: Int
    }

    private let maximumBodyBytes: Int
    /// A body in chunks is on its way.
    private var isOpen = false
    /// Of the bytes that are being decoded, where the last data lies.
    private var data: Range<UInt>?

    init(maximumBodyBytes: Int) {
        self.maximumBodyBytes = maximumBodyBytes
    }

    /// A head has been decoded.
    func begin(_ head: HTTPRequestHead) { self.isOpen = head.headers.contains(name: "transfer-encoding") }

    /// A piece of its body has been decoded.
    func received(_ bytes: ByteBuffer) {
        if self.isOpen { self.data = Self.addresses(of: bytes) }
    }

    /// The end of its body has been decoded.
    func end() { self.isOpen = false }

    /// - Parameter piece: all of what has been decoded since the last call.
    /// - Throws: ``TooLarge`` when it has the beginning of such a chunk.
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
        // Of the line of a chunk, an extension may follow.
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
