public import Foundation

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Reads a file that an operator names: all of it, and no more than there can be of its kind. Blocks.
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

    static func contents(_ path: String, maximumBytes: Int) throws(Fault) -> Data {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Fault(errno: errno) }
        defer { close(descriptor) }
        var data = Data()
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count == 0 { return data }
            if count < 0 {
                if errno == EINTR { continue }
                throw Fault(errno: errno)
            }
            data.append(contentsOf: chunk[..<count])
            guard data.count <= maximumBytes else { throw .tooLarge(maximumBytes) }
        }
    }
}
