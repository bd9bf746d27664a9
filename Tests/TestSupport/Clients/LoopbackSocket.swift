#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A blocking client socket to 127.0.0.1, for tests that send one request and read its answer.
final class LoopbackSocket {
    struct Failure: Error {}

    private let descriptor: CInt

    /// - Parameter timeout: of each operation, in seconds.
    init?(port: Int, timeout: Int = 2) {
        self.descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        guard self.descriptor >= 0 else { return nil }
        var time = timeval(tv_sec: timeout, tv_usec: 0)
        setsockopt(self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(self.descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        let connected = Self.withAddress(port: port) { connect(self.descriptor, $0, $1) }
        guard connected == 0 else { return nil }
    }

    deinit { close(self.descriptor) }

    func transmit(_ text: String) -> Bool {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let sent = bytes.withUnsafeBytes { send(self.descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
            guard sent > 0 else { return false }
            bytes = bytes.dropFirst(sent)
        }
        return true
    }

    func receive() -> String? {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = recv(self.descriptor, &bytes, bytes.count, 0)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    /// A port on which no process listens at this time.
    static func freePort() throws -> Int { try SilentPort().number }

    fileprivate static func withAddress(port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt) -> CInt {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

/// A port of 127.0.0.1 on which nobody listens, and nobody else can while this exists.
public final class SilentPort: Sendable {
    public let number: Int
    private let descriptor: CInt

    public init() throws {
        self.descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = self.descriptor
        guard descriptor >= 0, LoopbackSocket.withAddress(port: 0, { bind(descriptor, $0, $1) }) == 0 else {
            throw LoopbackSocket.Failure()
        }
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard result == 0 else { throw LoopbackSocket.Failure() }
        self.number = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(self.descriptor) }
}
