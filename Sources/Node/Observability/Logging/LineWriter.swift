#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Writes whole lines to a file descriptor. Blocks as long as the reader does not read.
struct LineWriter {
    let descriptor: CInt
    /// The last line was written only in part, so the next one must begin with a line end.
    private var hasPartialLine = false

    init(descriptor: CInt) {
        self.descriptor = descriptor
    }

    /// - Returns: false when the line was not written completely: the disk is full, the reader gone, or the descriptor closed.
    mutating func write(_ line: [UInt8]) -> Bool {
        let bytes = self.hasPartialLine ? [UInt8(ascii: "\n")] + line : line
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Self.systemWrite(self.descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                written += count
            } else if count == 0 || !self.canRetry(errno) {
                self.hasPartialLine = self.hasPartialLine || written > 0
                return false
            }
        }
        self.hasPartialLine = false
        return true
    }

    private func canRetry(_ code: CInt) -> Bool {
        switch code {
        case EINTR: return true
        // Another process that shares the descriptor has made it non-blocking.
        case EAGAIN:
            var request = pollfd(fd: self.descriptor, events: Int16(POLLOUT), revents: 0)
            poll(&request, 1, -1)
            return true
        default: return false
        }
    }

    #if canImport(Glibc)
    private static let systemWrite = Glibc.write
    #else
    private static let systemWrite = Darwin.write
    #endif
}
