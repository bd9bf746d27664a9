import CZlib

/// zlib's inflater of raw deflate data. It takes 7 KiB, and 512 bytes to 32 KiB more for its window once there is output.
final class Inflater {
    private let stream: UnsafeMutablePointer<z_stream>
    /// Whether no input has arrived since the beginning or since the end of a final block.
    private(set) var isFresh = true
    /// Whether the data so far ends at the end of a block.
    private(set) var isAtEndOfBlock = false

    /// - Parameter windowBits: 9 to 15, at least the value that the sender deflated with.
    init(windowBits: UInt8) {
        self.stream = .allocate(capacity: 1)
        self.stream.initialize(to: z_stream())
        let result = volary_inflate_init(self.stream, -Int32(windowBits))
        precondition(result == Z_OK, "zlib is out of memory, or its version does not match the build")
    }

    deinit {
        inflateEnd(self.stream)
        self.stream.deallocate()
    }

    /// - Parameter input: used bytes are consumed.
    /// - Returns: how many bytes were written. If the output is full, there may be more, also without further input.
    /// - Throws: ``ProtocolViolation/notDeflated``.
    func inflate(
        _ input: inout UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws(ProtocolViolation) -> Int {
        // Never written to, although zlib's type is mutable.
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
            // zlib.h: bit 128 is set when the inflater is between two blocks.
            self.isAtEndOfBlock = self.stream.pointee.data_type & 128 != 0
        case Z_STREAM_END:
            // A final block is the end of a stream, not of a message (RFC 7692 section 7.2.3.4).
            inflateReset(self.stream)
            self.isFresh = true
        case Z_BUF_ERROR:
            // No input was used and no output was written: the state has not changed.
            break
        default:
            throw .notDeflated
        }
        return written
    }
}
