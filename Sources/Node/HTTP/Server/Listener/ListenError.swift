import NIOCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Why a node cannot listen on its address: one line for operators, with advice.
public struct ListenError: Error, Hashable, CustomStringConvertible {
    public let description: String

    /// - Parameter code: an `errno` of `socket`, `bind` or `listen`.
    init(host: String, port: Int, errno code: Int32) {
        let host = ConfigurationError.printable(host)
        let address = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        self.description =
            switch code {
            case EADDRINUSE: "\(address) is in use (by another node?); choose another --port"
            case EACCES, EPERM:
                "\(address): this user may not listen on that port; choose another --port, 1024 or more, or grant CAP_NET_BIND_SERVICE"
            case EADDRNOTAVAIL: "\(host) is not an address of this machine; choose another --host"
            case EAFNOSUPPORT: "\(host): this machine has no addresses of that kind (IPv6?); choose another --host"
            default: "\(address) cannot be listened on: \(String(cString: strerror(code)))"
            }
    }

    /// The host name does not resolve.
    init(unresolved host: String) {
        self.description = "\(ConfigurationError.printable(host)): the host name does not resolve; choose another --host"
    }

    /// - Parameter error: an error of NIO from binding the address.
    init(host: String, port: Int, _ error: any Error) {
        switch error {
        case let error as IOError: self.init(host: host, port: port, errno: error.errnoCode)
        case is SocketAddressError: self.init(unresolved: host)
        default: self.init(description: "\(ConfigurationError.printable(host)):\(port) cannot be listened on: \(error)")
        }
    }

    private init(description: String) {
        self.description = description
    }

    /// Checks, before the other parts start, that the address can be listened on. No connections are accepted. Blocks while the
    /// host name is being resolved.
    static func check(host: String, port: Int) throws(ListenError) {
        let address: SocketAddress
        do {
            address = try SocketAddress.makeAddressResolvingHost(host, port: port)
        } catch {
            throw ListenError(unresolved: host)
        }
        #if canImport(Glibc)
        let type = Int32(SOCK_STREAM.rawValue)
        #else
        let type = SOCK_STREAM
        #endif
        let descriptor = socket(address.protocol.rawValue, type, 0)
        guard descriptor >= 0 else { throw ListenError(host: host, port: port, errno: errno) }
        defer { close(descriptor) }
        // The same option as the listener uses: sockets of an earlier process do not prevent listening.
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        let result = address.withSockAddr { bind(descriptor, $0, socklen_t($1)) }
        guard result == 0 else { throw ListenError(host: host, port: port, errno: errno) }
    }
}
