import NIOCore
import NIOPosix
import Testing

@testable import VolaryNode

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Errors of listening on an address.
@Suite
struct ListenErrorTests {
    @Test(
        arguments: [
            (EADDRINUSE, "127.0.0.1:8080 is in use (by another node?); choose another --port"),
            (
                EACCES,
                "127.0.0.1:8080: this user may not listen on that port; choose another --port, 1024 or more, or grant CAP_NET_BIND_SERVICE"
            ),
            (EADDRNOTAVAIL, "127.0.0.1 is not an address of this machine; choose another --host"),
            (EAFNOSUPPORT, "127.0.0.1: this machine has no addresses of that kind (IPv6?); choose another --host"),
            (EMFILE, "127.0.0.1:8080 cannot be listened on: Too many open files"),
        ]
    )
    func `Each reason says what to change`(code: Int32, text: String) {
        #expect(ListenError(host: "127.0.0.1", port: 8080, errno: code).description == text)
        #expect(ListenError(host: "127.0.0.1", port: 8080, IOError(errnoCode: code, reason: "bind")).description == text)
    }

    @Test
    func `An address of IPv6 is shown with its port as in a URL, and what is printed is one line`() {
        #expect(ListenError(host: "::1", port: 80, errno: EADDRINUSE).description.hasPrefix("[::1]:80 is in use"))
        #expect(!ListenError(unresolved: "a\nb\u{1B}").description.contains { $0.isNewline || $0 == "\u{1B}" })
    }

    @Test
    func `The check before the start finds a taken port, takes none itself, and knows a foreign address`() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let first = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(first.localAddress?.port)
        let taken = #expect(throws: ListenError.self) { try ListenError.check(host: "127.0.0.1", port: port) }
        #expect(taken == ListenError(host: "127.0.0.1", port: port, errno: EADDRINUSE))
        try await first.close()
        for _ in 0..<2 { try ListenError.check(host: "127.0.0.1", port: port) }
        let foreign = #expect(throws: ListenError.self) { try ListenError.check(host: "192.0.2.1", port: 0) }
        #expect(foreign == ListenError(host: "192.0.2.1", port: 0, errno: EADDRNOTAVAIL))
    }
}
