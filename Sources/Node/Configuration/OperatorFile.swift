public import Foundation
import NIOCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Reads a file that an operator names, up to a size limit. Blocks: for a pipe at most ``timeout``, for a regular file as long as
/// its file system does.
public enum OperatorFile {
    /// Why a file cannot be read. Invalid content is reported elsewhere.
    public enum ReadError: Error, Hashable, CustomStringConvertible {
        case missing
        case directory
        case forbidden
        /// The limit, in bytes.
        case tooLarge(Int)
        /// As PowerShell's `>` writes it.
        case utf16
        /// A pipe or device that did not reach its end within ``timeout``.
        case timedOut
        /// An `errno`.
        case system(Int32)

        /// A phrase that follows the file's name.
        public var description: String {
            switch self {
            case .missing: "there is no such file"
            case .directory: "is a directory, not a file"
            case .forbidden: "cannot be read by this user"
            case .tooLarge(let limit): "is larger than \(ByteSizeText.format(limit))"
            case .utf16: "is UTF-16 text; save it as UTF-8"
            case .timedOut: "is not a regular file, and was not written to its end within 10s"
            case .system(let code): "cannot be read: \(String(cString: strerror(code)))"
            }
        }

        init(errno code: Int32) {
            self =
                switch code {
                case ENOENT, ENOTDIR: .missing
                case EISDIR: .directory
                case EACCES, EPERM: .forbidden
                default: .system(code)
                }
        }
    }

    /// Limit for files of keys, certificates and configuration: 1 MiB, many times their usual size.
    public static let maximumTextBytes = 1024 * 1024

    /// - Returns: the bytes of a UTF-8 text file, without a byte order mark.
    public static func text(_ path: String) throws(ReadError) -> Data {
        let data = try self.contents(path, maximumBytes: self.maximumTextBytes)
        guard !data.starts(with: [0xFF, 0xFE]), !data.starts(with: [0xFE, 0xFF]) else { throw .utf16 }
        return data.starts(with: [0xEF, 0xBB, 0xBF]) ? Data(data.dropFirst(3)) : data
    }

    /// Time to read all of a pipe, such as `<(command)` in a shell: 10 s.
    static let timeout = TimeAmount.seconds(10)

    static func contents(
        _ path: String,
        maximumBytes: Int,
        timeout: TimeAmount = OperatorFile.timeout
    ) throws(ReadError) -> Data {
        // Without blocking on a FIFO that has no writer, and without making a terminal the controlling one.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw ReadError(errno: errno) }
        defer { close(descriptor) }
        // A regular file can seek, and its reads do not wait; a pipe, a terminal or a socket cannot. `stat` is not used, because
        // a release build resolves its members to CoreFoundation's.
        let hasPositions = lseek(descriptor, 0, SEEK_CUR) >= 0
        let deadline = NIODeadline.now() + timeout
        var data = Data()
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            if !hasPositions { try self.awaitBytes(descriptor, until: deadline) }
            let count = read(descriptor, &chunk, chunk.count)
            if count == 0 { return data }
            if count < 0 {
                if errno == EINTR || errno == EAGAIN { continue }
                throw ReadError(errno: errno)
            }
            data.append(contentsOf: chunk[..<count])
            guard data.count <= maximumBytes else { throw .tooLarge(maximumBytes) }
        }
    }

    /// Returns when there are bytes, or the end, to read.
    private static func awaitBytes(_ descriptor: CInt, until deadline: NIODeadline) throws(ReadError) {
        while true {
            let left = deadline - .now()
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let count = poll(&request, 1, CInt(max(0, left.nanoseconds / 1_000_000)))
            if count > 0 { return }
            if count < 0, errno != EINTR { throw ReadError(errno: errno) }
            if left <= .zero { throw .timedOut }
        }
    }
}
