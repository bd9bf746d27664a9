import CZlib

/// zlib's inflater of raw deflate data, which keeps nothing but its window: 7 KiB, and once there is output 512 bytes to 32 KiB more.
final class Inflater {
    private let stream: UnsafeMutablePointer<z_stream>
    /// Whether nothing has come since the beginning, or since a block that said it was the last one.
    private(set) var isFresh = true
    /// Whether the data so far ends where a block ends.
    private(set) var isAtEndOfBlock = false

    /// - Parameter windowBits: 9 to 15, at least that of whoever deflated.
    init(windowBits: UInt8) {
        self.stream = .allocate(capacity: 1)
        self.stream.initialize(to: z_stream())
        let result = volary_inflate_init(self.stream, -Int32(windowBits))
        precondition(result == Z_OK, "zlib has no memory, or is not the one this was built with")
    }

    deinit {
        inflateEnd(self.stream)
        self.stream.deallocate()
    }

    /// - Parameter input: what is used of it is taken off.
    /// - Returns: how many bytes were written. As many as there is room for: there may be more to come, also without input.
    /// - Throws: ``ProtocolViolation/notDeflated``.
    func inflate(
        _ input: inout UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws(ProtocolViolation) -> Int {
        // Never written to, though zlib's type would allow it.
        self.stream.pointee.next_in = UnsafeMutablePointer(mutating: input.assumingMemoryBound(to: UInt8.self).baseAddress)
        self.stream.pointee.avail_in = UInt32(input.count)
        self.stream.pointee.next_out = output.assumingMemoryBound(to: UInt8.self).baseAddress
        self.stream.pointee.avail_out = UInt32(output.count)
        let result = CZlib.inflate(self.stream, Z_SYNC_FLUSH)
        let used = input.count - Int(self.stream.pointee.avail_in)
        let written = output.count - Int(self.stream.pointee.avail_out)
        input = UnsafeRawBufferPointer(rebasing: input[used...])
        switch result {
        case Z_OK:
            self.isFresh = false
            // zlib.h: 128 is in it when the inflater stands between two blocks.
            self.isAtEndOfBlock = self.stream.pointee.data_type & 128 != 0
        case Z_STREAM_END:
            // A last block is the end of a stream, not of a message (RFC 7692 section 7.2.3.4).
            inflateReset(self.stream)
            self.isFresh = true
        case Z_BUF_ERROR:
            // Nothing went in and nothing came out, so nothing has changed.
            break
        default:
            throw .notDeflated
        }
        return written
    }
}
