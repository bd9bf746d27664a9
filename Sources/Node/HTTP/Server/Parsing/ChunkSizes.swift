import NIOCore
import NIOHTTP1

/// Checks the sizes of chunks (RFC 9112 section 7.1) before their data arrives. The decoder does not report these sizes. With
/// this check, a client that announces a chunk above the limit gets the answer at once, as with a `Content-Length`. Also counts the
/// decoded parts.
///
/// The bytes of a read that are neither the head nor data are the framing of chunks. They are found by comparing the addresses of
/// the decoded data with the bytes of the read, and go through a ``SizeLine``, which keeps its state from one read to the next.
/// Only the size before the last data of a read and sizes after it are checked: earlier chunks have arrived completely.
final class ChunkSizes {
    /// A chunk is larger than the maximum body size.
    struct TooLarge: Error, Hashable {
        let maximumBytes: Int
    }

    private let maximumBodyBytes: Int
    private var counts = (heads: 0, parts: 0)
    /// Whether a chunked body is being received.
    private var isOpen = false
    /// Whether the bytes that are being decoded contain the end of the head.
    private var containsHead = false
    private var line = SizeLine()
    /// Address range of the last data within the bytes that are being decoded.
    private var data: Range<UInt>?
    /// Where the data before it ends.
    private var previousEnd: UInt?

    init(maximumBodyBytes: Int) {
        self.maximumBodyBytes = maximumBodyBytes
    }

    /// Call when a head has been decoded.
    func begin(_ head: HTTPRequestHead) {
        self.counts.heads += 1
        self.counts.parts += 1
        self.isOpen = head.headers.contains(name: "transfer-encoding")
        self.containsHead = true
        self.line = SizeLine()
        (self.data, self.previousEnd) = (nil, nil)
    }

    /// Call when a piece of the body has been decoded.
    func received(_ bytes: ByteBuffer) {
        self.counts.parts += 1
        guard self.isOpen else { return }
        self.previousEnd = self.data?.upperBound
        self.data = Self.addresses(of: bytes)
    }

    /// Call when the end of the body has been decoded.
    func end() { self.isOpen = false }

    /// - Returns: the heads, and the heads and pieces of bodies, since the last call.
    func takeCounts() -> (heads: Int, parts: Int) {
        defer { self.counts = (0, 0) }
        return self.counts
    }

    /// - Parameters:
    ///   - piece: all bytes that the decoder has been given since the last call.
    ///   - rest: the number of bytes at its end that the decoder has left, to get them again.
    /// - Throws: ``TooLarge`` if they contain the size of a chunk above the limit, even if its line is not complete.
    func check(_ piece: ByteBuffer, leaving rest: Int) throws(TooLarge) {
        defer { (self.data, self.previousEnd, self.containsHead) = (nil, nil, false) }
        guard self.isOpen else { return }
        let (bytes, addresses) = (piece.readableBytesView.dropLast(rest), Self.addresses(of: piece))
        func index(of address: UInt) -> Int { bytes.startIndex + Int(address - addresses.lowerBound) }
        guard let data else { return try self.read(self.framing(bytes[...])) }
        // The decoder's data is part of the read. If it ever is not, nothing can be told apart.
        guard addresses.lowerBound <= data.lowerBound, data.upperBound <= addresses.upperBound else { return }
        let before = bytes[..<index(of: data.lowerBound)]
        if let previousEnd {
            self.line = SizeLine()
            try self.read(before[index(of: previousEnd)...])
        } else {
            try self.read(self.framing(before))
        }
        self.line = SizeLine()
        try self.read(bytes[index(of: data.upperBound)...])
    }

    private func read(_ framing: ByteBufferView) throws(TooLarge) {
        for byte in framing where self.line.read(byte) > self.maximumBodyBytes {
            throw TooLarge(maximumBytes: self.maximumBodyBytes)
        }
    }

    /// - Returns: what follows the head, if that ends in these bytes. Its last empty line may have begun in the read before.
    private func framing(_ bytes: ByteBufferView) -> ByteBufferView {
        guard self.containsHead else { return bytes }
        let end = Array("\r\n\r\n".utf8)
        var start = bytes.endIndex - end.count
        while start >= bytes.startIndex {
            if bytes[start..<(start + end.count)].elementsEqual(end) { return bytes[(start + end.count)...] }
            start -= 1
        }
        for count in 1..<end.count where bytes.starts(with: end.suffix(count)) { return bytes.dropFirst(count) }
        return bytes[bytes.endIndex...]
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

extension ChunkSizes {
    /// Reads the framing between the data of two chunks: the end of a line, and the line with the next size, with its extensions.
    private struct SizeLine {
        private enum State {
            case start
            case digits
            case extensions
            /// The line has ended: data follows, or trailers after a size of 0.
            case ended
        }

        private var state = State.start
        private var size = 0

        /// - Returns: the size as far as it has been read, at most about 2^59.
        mutating func read(_ byte: UInt8) -> Int {
            switch (self.state, byte) {
            case (.start, UInt8(ascii: "\r")), (.start, UInt8(ascii: "\n")), (.ended, _): break
            case (_, UInt8(ascii: "\n")): self.state = .ended
            case (.extensions, _): break
            case (.start, _), (.digits, _):
                guard let digit = Self.value(of: byte) else {
                    self.state = .extensions
                    break
                }
                self.state = .digits
                if self.size <= Int.max >> 5 { self.size = self.size << 4 | digit }
            }
            return self.size
        }

        private static func value(of digit: UInt8) -> Int? {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
                Int(digit.lowercased - UInt8(ascii: "a")) + 10
            default: nil
            }
        }
    }
}
