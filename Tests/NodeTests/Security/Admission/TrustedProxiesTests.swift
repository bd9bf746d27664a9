import NIOHTTP1
import Testing

@testable import VolaryNode

/// Whose request a proxy passes on.
@Suite
struct TrustedProxiesTests {
    private func proxies(_ header: TrustedProxies.Header) -> TrustedProxies {
        TrustedProxies(ranges: ["10.0.0.0/8", "2001:db8:aa::/48"].compactMap { AddressRange($0) }, header: header)
    }

    /// The client's address; nil for garbage.
    private func client(_ header: TrustedProxies.Header, _ lines: [String], from peer: String = "10.0.0.1") throws -> IPAddress? {
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/ws")
        for line in lines { head.headers.add(name: header.rawValue, value: line) }
        let peer = try #require(IPAddress(peer))
        do {
            return try self.proxies(header).client(of: head, from: peer)
        } catch {
            return nil
        }
    }

    // MARK: - X-Forwarded-For

    @Test(arguments: [
        (["192.0.2.7"], "192.0.2.7"),
        (["198.51.100.1, 192.0.2.7"], "192.0.2.7"),
        (["198.51.100.1", "192.0.2.7"], "192.0.2.7"),
        (["198.51.100.1, 192.0.2.7, 10.2.3.4,10.9.9.9"], "192.0.2.7"),
        (["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        (["192.0.2.7:4711"], "192.0.2.7"),
        (["2001:db8::7"], "2001:db8::7"),
        (["[2001:db8::7]:4711"], "2001:db8::7"),
        (["192.0.2.7, 2001:db8:aa::1"], "192.0.2.7"),
        ([" 192.0.2.7\t,\t10.0.0.3 "], "192.0.2.7"),
        // What a client wrote itself is not even looked at.
        (["<script>, ,,;\"', 192.0.2.7"], "192.0.2.7"),
        (["garbage", "192.0.2.7"], "192.0.2.7"),
        ([], "10.0.0.1"),
    ])
    func `The last hop that is no trusted proxy is the client`(lines: [String], client: String) throws {
        #expect(try self.client(.xForwardedFor, lines) == IPAddress(client))
    }

    @Test(arguments: [
        [""], ["unknown"], ["192.0.2.7,"], ["192.0.2.7, garbage"], ["garbage, 10.0.0.2"], ["192.0.2.7;10.0.0.2"], ["[::1"],
        ["192.0.2.7:x"], ["[192.0.2.7]"], ["192.0.2.7:123456"], ["for=192.0.2.7"], ["192.0.2.7", ""],
    ])
    func `Garbage where a trusted proxy should have written is refused`(lines: [String]) throws {
        #expect(try self.client(.xForwardedFor, lines) == nil)
    }

    @Test(arguments: TrustedProxies.Header.allCases)
    func `What others write is not looked at`(header: TrustedProxies.Header) throws {
        for line in ["192.0.2.7", "for=192.0.2.7", "garbage"] {
            #expect(try self.client(header, [line], from: "203.0.113.9") == IPAddress("203.0.113.9"))
        }
    }

    @Test func `Only the header that is configured counts`() throws {
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/ws")
        head.headers.add(name: "X-Forwarded-For", value: "192.0.2.7")
        head.headers.add(name: "Forwarded", value: "for=198.51.100.1")
        let peer = try #require(IPAddress("10.0.0.1"))
        #expect(try self.proxies(.xForwardedFor).client(of: head, from: peer) == IPAddress("192.0.2.7"))
        #expect(try self.proxies(.forwarded).client(of: head, from: peer) == IPAddress("198.51.100.1"))
    }

    // MARK: - Forwarded

    @Test(arguments: [
        ([#"for=192.0.2.7"#], "192.0.2.7"),
        ([#"For="[2001:db8::7]:4711""#], "2001:db8::7"),
        ([#"for="192.0.2.7:80";proto=https;by=10.0.0.1"#], "192.0.2.7"),
        ([#"by=10.0.0.1;FOR="192.0.2.7""#], "192.0.2.7"),
        ([#"for=198.51.100.1, for=192.0.2.7;host="a,b;c\"d", for=10.0.0.5"#], "192.0.2.7"),
        ([#"for=198.51.100.1"#, #"for=192.0.2.7"#], "192.0.2.7"),
        // A proxy that hides its client is taken for it.
        ([#"for=198.51.100.1, for=unknown"#], "10.0.0.1"),
        ([#"for=_hidden, for=10.0.0.5"#], "10.0.0.5"),
        ([#"for=198.51.100.1, proto=https"#], "10.0.0.1"),
        ([], "10.0.0.1"),
    ])
    func `The same holds for Forwarded`(lines: [String], client: String) throws {
        #expect(try self.client(.forwarded, lines) == IPAddress(client))
    }

    @Test(arguments: [
        "", "192.0.2.7", "for", "for=", "for=192.0.2.7,", "for=192.0.2.7;", ";for=192.0.2.7", "for=192.0.2.7 for=10.0.0.5",
        "for=2001:db8::7", "for=[2001:db8::7]", #"for="2001:db8::7""#, #"for="192.0.2.7"#, #"for="192.0.2.7\"#,
        "for=192.0.2.7:80",
        "for=192.0.2.7;for=192.0.2.8", "for = 192.0.2.7", #"for="""#, "for=garbage", #"for="[::1]:x""#, "for=192.0.2.7=",
    ])
    func `A Forwarded that is not in its grammar is refused`(line: String) throws {
        #expect(try self.client(.forwarded, [line]) == nil)
    }

    @Test func `Whatever is written, it is an answer and no crash`() throws {
        let signs = Array(#"for=";,:[]._-10 255.\"unknownbyFOR"# + "\t\u{7f}ü")
        for _ in 0..<3000 {
            let text = String((0..<Int.random(in: 0...40)).map { _ in signs.randomElement()! })
            for header in TrustedProxies.Header.allCases { _ = try self.client(header, [text]) }
        }
    }
}
