import NIOCore
import NIOHTTP1
import Testing

@testable import VolaryNode

/// How many connections a node takes.
@Suite
struct AdmissionTests {
    private static let handshake =
        "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    private static let get = "GET /livez HTTP/1.1\r\nHost: h\r\n"

    /// The status of the answer to a handshake with further header lines; 0 for none.
    private func open(_ server: EmbeddedServer, _ lines: String = "") throws -> Int {
        server.receive(Self.handshake + lines + "\r\n")
        return try self.status(server)
    }

    private func status(_ server: EmbeddedServer) throws -> Int {
        let text = String(buffer: try server.sent())
        return Int(text.dropFirst(9).prefix(3)) ?? 0
    }

    // MARK: - In all

    @Test func `The limit is taken, one more is within the reserve, and past that it is refused`() {
        let admission = Admission(maximumConnections: 100)
        let standings = (0..<130).map { _ in admission.enter() }
        #expect(standings.prefix(100).allSatisfy { $0 == .within })
        #expect(standings[100..<120].allSatisfy { $0 == .over })
        #expect(standings[120...].allSatisfy { $0 == .refused })
        for _ in 0..<30 { admission.release() }
        #expect(admission.open == 100)
        #expect(admission.enter() == .over)
    }

    @Test(arguments: [(1, 4), (20, 4), (100, 20), (320, 64), (1_000_000, 64)])
    func `The reserve is a fifth, from 4 to 64`(limit: Int, reserve: Int) {
        #expect(Admission.reserve(of: limit) == reserve)
    }

    @Test(arguments: [
        (1024, 2, 922), (20_000, 2, 19_898), (1_000_000, 256, 999_136), (256, 2, 175), (80, 2, 34), (64, 2, 21), (43, 2, 1),
    ])
    func `A limit of open files leaves room for Redis, for logs, and for answers to those who find none`(
        files: Int,
        threads: Int,
        connections: Int
    ) {
        #expect(FileDescriptors.connections(ofLimit: files, threads: threads) == connections)
        #expect(FileDescriptors.needed(connections: connections, threads: threads) <= files)
    }

    @Test func `A limit of open files that has no room for a single connection stops the start, with what is needed`() throws {
        try FileDescriptors.check(limit: 43, threads: 2)
        for (files, threads) in [(42, 2), (12, 2), (60, 24)] {
            let error = #expect(throws: TooFewFiles.self) { try FileDescriptors.check(limit: files, threads: threads) }
            #expect(error?.description.contains("needs \(37 + 3 * threads)") == true)
        }
    }

    @Test func `A WebSocket past the limit is answered 503, and has room when another goes`() throws {
        let admission = Admission(maximumConnections: 2)
        let first = try EmbeddedServer(admission: admission)
        let second = try EmbeddedServer(admission: admission)
        let third = try EmbeddedServer(admission: admission)
        #expect(try self.open(first) == 101)
        third.receive(Self.handshake + "\r\n")
        let answer = String(buffer: try third.sent()).lowercased()
        #expect(answer.hasPrefix("http/1.1 503 "))
        #expect(answer.contains("retry-after: 5\r\n"))
        #expect(answer.contains("urn:volary:problem:too-many-connections"))
        #expect(third.outcomes.isEmpty)
        #expect(try self.open(second) == 101, "it came within the limit")
        let fourth = try EmbeddedServer(admission: admission)
        #expect(admission.open == 4)
        first.close()
        third.close()
        #expect(try self.open(fourth) == 101)
    }

    @Test func `A plain request past the limit is answered, and is its connection's last`() throws {
        let admission = Admission(maximumConnections: 1)
        let servers = try (0..<2).map { _ in try EmbeddedServer(admission: admission) }
        for server in servers { server.receive(Self.get + "\r\n") }
        #expect(servers[0].events.first == .head("GET /livez", upgrade: [], connection: []))
        #expect(servers[1].events.first == .head("GET /livez", upgrade: [], connection: ["close"]))
        #expect(servers.allSatisfy { $0.outcomes == [.http] })
    }

    @Test func `A socket leaves once, and its place is free again`() throws {
        let admission = Admission(maximumConnections: 10, maximumPerAddress: 1)
        let server = try EmbeddedServer(admission: admission, peer: "192.0.2.1")
        #expect(admission.open == 1)
        server.close()
        server.close()
        #expect(admission.open == 0)
        #expect(try self.open(try EmbeddedServer(admission: admission, peer: "192.0.2.1")) == 101)
    }

    // MARK: - Of one address

    @Test func `As many as the limit come from one address; the next is answered 429, whatever it asks for`() throws {
        let admission = Admission(maximumConnections: 100, maximumPerAddress: 2)
        let servers = try (0..<4).map { _ in try EmbeddedServer(admission: admission, peer: "192.0.2.1") }
        #expect(try self.open(servers[0]) == 101)
        #expect(try self.open(servers[1]) == 101)
        #expect(try self.open(servers[2]) == 429)
        servers[3].receive(Self.get + "\r\n")
        let answer = String(buffer: try servers[3].sent()).lowercased()
        #expect(answer.hasPrefix("http/1.1 429 ") && answer.contains("urn:volary:problem:too-many-from-address"))
        #expect(servers[3].events.isEmpty)
        #expect(try self.open(try EmbeddedServer(admission: admission, peer: "192.0.2.2")) == 101)
    }

    @Test func `Addresses of one IPv6 subscriber are one`() throws {
        let admission = Admission(maximumConnections: 100, maximumPerAddress: 1)
        let one = try EmbeddedServer(admission: admission, peer: "2001:db8::1")
        let two = try EmbeddedServer(admission: admission, peer: "2001:db8::2")
        #expect(try self.open(one) == 101)
        #expect(try self.open(two) == 429)
    }

    @Test func `Far past its limit an address gets no answer`() {
        let admission = Admission(maximumConnections: 100, maximumPerAddress: 2)
        let places = (0..<12).map { _ in ConnectionSlot(in: admission, peer: IPAddress("192.0.2.1")) }
        #expect(places.map(\.isRefused) == .init(repeating: false, count: 10) + [true, true])
        for place in places { place.release() }
        #expect(admission.enter(IPAddress(ipv4: 0xC000_0201)) == .within)
    }

    // MARK: - Behind proxies

    private func behindProxy(_ perAddress: Int? = 1, proxyProtocol: Bool = false) throws -> Admission {
        Admission(
            maximumConnections: 100,
            maximumPerAddress: perAddress,
            proxies: TrustedProxies(ranges: [try #require(AddressRange("10.0.0.0/8"))], speakProxyProtocol: proxyProtocol)
        )
    }

    @Test func `A trusted proxy's clients are counted one by one, and the proxy is not`() throws {
        let admission = try self.behindProxy()
        let servers = try (0..<4).map { _ in try EmbeddedServer(admission: admission, peer: "10.0.0.1") }
        #expect(try self.open(servers[0], "X-Forwarded-For: 192.0.2.1\r\n") == 101)
        #expect(try self.open(servers[1], "X-Forwarded-For: 192.0.2.2\r\n") == 101)
        #expect(try self.open(servers[2], "X-Forwarded-For: 9.9.9.9, 192.0.2.1\r\n") == 429)
        servers[3].receive(Self.get + "X-Forwarded-For: 192.0.2.1\r\n\r\n")
        #expect(servers[3].outcomes == [.http], "a proxy's connection carries many clients' requests")
        servers[0].close()
        servers[2].close()
        #expect(
            try self.open(try EmbeddedServer(admission: admission, peer: "10.0.0.1"), "X-Forwarded-For: 192.0.2.1\r\n") == 101
        )
    }

    @Test func `Others cannot give themselves another address`() throws {
        let admission = try self.behindProxy()
        let servers = try (0..<2).map { _ in try EmbeddedServer(admission: admission, peer: "192.0.2.1") }
        #expect(try self.open(servers[0], "X-Forwarded-For: 1.1.1.1\r\n") == 101)
        #expect(try self.open(servers[1], "X-Forwarded-For: 2.2.2.2\r\n") == 429)
    }

    @Test(arguments: [1, nil])
    func `Garbage of a trusted proxy is refused with 400`(perAddress: Int?) throws {
        let admission = try self.behindProxy(perAddress)
        let server = try EmbeddedServer(admission: admission, peer: "10.0.0.1")
        server.receive(Self.handshake + "X-Forwarded-For: 192.0.2.1, nonsense\r\n\r\n")
        let answer = String(buffer: try server.sent())
        #expect(answer.hasPrefix("HTTP/1.1 400 ") && answer.contains("urn:volary:problem:bad-forwarding"))
    }

    @Test func `With the PROXY protocol, the client that it names is counted; a health check is the proxy's own`() throws {
        let admission = try self.behindProxy(proxyProtocol: true)
        let peer = try #require(IPAddress("10.0.0.1"))
        func place(_ source: String?) throws -> ConnectionSlot {
            let place = ConnectionSlot(in: admission, peer: peer)
            #expect(place.expectsProxyHeader)
            place.received(ProxyHeader(source: source.flatMap { IPAddress($0) }))
            return place
        }
        let places = try ["192.0.2.1", "192.0.2.1", "192.0.2.2", nil, nil].map { try place($0) }
        let mayOpen = places.map {
            (try? $0.admit(.init(version: .http1_1, method: .GET, uri: "/livez"), asksForWebSocket: false)) == true
        }
        #expect(mayOpen == [true, false, true, true, true])
        #expect(!ConnectionSlot(in: admission, peer: IPAddress("192.0.2.9")).expectsProxyHeader, "it would be believed")
    }
}
