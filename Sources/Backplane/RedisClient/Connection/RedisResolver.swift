import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Resolves the addresses of a server's host.
enum RedisResolver {
    /// Fails with ``Unknown``; a success has at least one address.
    typealias Lookup = (RedisAddress, any EventLoop) -> EventLoopFuture<[SocketAddress]>

    struct Unknown: Error {}

    /// The most addresses of one name that are tried: 16.
    static let maximumAddresses = 16

    /// Asks the system's resolver, in its order of preference (RFC 6724). A literal address resolves to itself.
    static func system(_ address: RedisAddress, _ eventLoop: any EventLoop) -> EventLoopFuture<[SocketAddress]> {
        if let literal = try? SocketAddress(ipAddress: address.host, port: address.port) {
            return eventLoop.makeSucceededFuture([literal])
        }
        // Blocks until the name servers answer.
        return NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) { try self.look(address) }
    }

    private static func look(_ address: RedisAddress) throws -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        #if canImport(Glibc)
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address.host, "\(address.port)", &hints, &first) == 0, let first else { throw Unknown() }
        defer { freeaddrinfo(first) }
        let entries = sequence(first: first) { $0.pointee.ai_next }
        let found = entries.compactMap { self.socketAddress($0.pointee, host: address.host) }
        guard !found.isEmpty else { throw Unknown() }
        return Array(found.prefix(self.maximumAddresses))
    }

    private static func socketAddress(_ entry: addrinfo, host: String) -> SocketAddress? {
        guard let bytes = entry.ai_addr else { return nil }
        switch entry.ai_family {
        case AF_INET: return bytes.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { SocketAddress($0.pointee, host: host) }
        case AF_INET6:
            return bytes.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { SocketAddress($0.pointee, host: host) }
        default: return nil
        }
    }
}
