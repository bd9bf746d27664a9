#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Writes whole lines to a descriptor, and waits for as long as its reader takes.
struct LineWriter {
    let descriptor: CInt
    /// The last line was written in part: the next begins a line of its own nevertheless.
    private var hasPartialLine = false

    init(descriptor: CInt) {
        self.descriptor = descriptor
    }

    /// - Returns: false when the system did not take all of it: the disk is full, the reader gone, the descriptor closed.
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
        // Whoever shares the descriptor has made it one that does not wait.
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
