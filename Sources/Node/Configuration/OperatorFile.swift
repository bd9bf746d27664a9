public import Foundation
import NIOCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Reads a file that an operator names: all of it, and no more than there can be of its kind. Blocks: for a pipe ``timeout`` at most, for a file
/// as long as its file system does.
public enum OperatorFile {
    /// Why a file cannot be read; not what is wrong with its content.
    public enum Fault: Error, Hashable, CustomStringConvertible {
        case missing
        case directory
        case forbidden
        /// The limit, in bytes.
        case tooLarge(Int)
        /// PowerShell's `>` writes that.
        case utf16
        /// A pipe or device of which nothing more came.
        case silent
        /// An `errno`.
        case system(Int32)

        /// What follows the file's name.
        public var description: String {
            switch self {
            case .missing: "there is no such file"
            case .directory: "is a directory, not a file"
            case .forbidden: "may not be read by this user"
            case .tooLarge(let limit): "is larger than \(ByteSizeText.format(limit))"
            case .utf16: "is UTF-16 text; save it as UTF-8"
            case .silent: "is no regular file, and was not written to its end within 10s"
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

    /// Of keys, certificates and configuration: 1 MiB, many times what they have.
    public static let maximumTextBytes = 1024 * 1024

    /// - Returns: the bytes of a text, without the byte order mark that some editors put before it.
    public static func text(_ path: String) throws(Fault) -> Data {
        let data = try self.contents(path, maximumBytes: self.maximumTextBytes)
        guard !data.starts(with: [0xFF, 0xFE]), !data.starts(with: [0xFE, 0xFF]) else { throw .utf16 }
        return data.starts(with: [0xEF, 0xBB, 0xBF]) ? Data(data.dropFirst(3)) : data
    }

    /// For all of a pipe to come, as of `<(command)` in a shell: 10 s.
    static let timeout = TimeAmount.seconds(10)

    static func contents(
        _ path: String,
        maximumBytes: Int,
        timeout: TimeAmount = OperatorFile.timeout
    ) throws(Fault) -> Data {
        // A FIFO that nobody writes to is opened at once, and is no terminal to listen to.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw Fault(errno: errno) }
        defer { close(descriptor) }
        // A file has positions, and its bytes are there; a pipe, a terminal or a socket has none. Without `stat`, whose members a release build
        // takes for CoreFoundation's.
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
                throw Fault(errno: errno)
            }
            data.append(contentsOf: chunk[..<count])
            guard data.count <= maximumBytes else { throw .tooLarge(maximumBytes) }
        }
    }

    /// Returns when there is something to read, its end included.
    private static func awaitBytes(_ descriptor: CInt, until deadline: NIODeadline) throws(Fault) {
        while true {
            let left = deadline - .now()
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let count = poll(&request, 1, CInt(max(0, left.nanoseconds / 1_000_000)))
            if count > 0 { return }
            if count < 0, errno != EINTR { throw Fault(errno: errno) }
            if left <= .zero { throw .silent }
        }
    }
}
