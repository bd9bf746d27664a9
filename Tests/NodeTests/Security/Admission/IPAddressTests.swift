import NIOCore
import Testing

@testable import VolaryNode

/// Addresses and their ranges.
@Suite
struct IPAddressTests {
    @Test(arguments: ["192.0.2.1", "0.0.0.0", "255.255.255.255", "::", "::1", "2001:db8::1", "::ffff:192.0.2.1"])
    func `An address is read, also from a socket`(text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(IPAddress(try SocketAddress(ipAddress: text, port: 7)) == address)
        #expect(address.isIPv4 == text.contains("."))
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4:80", "[::1]", "::1%lo", ":::",
        "1::2::3", "localhost", "1.2.3.4\0", "١.2.3.4", String(repeating: "1", count: 100), "0x7f.1", "2130706433",
    ])
    func `Other texts are none`(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func `IPv4 in IPv6 is IPv4, however it is written`() {
        #expect(IPAddress("::ffff:192.0.2.1") == IPAddress("192.0.2.1"))
        #expect(IPAddress("::FFFF:c000:201") == IPAddress("192.0.2.1"))
        #expect(IPAddress("::192.0.2.1") != IPAddress("192.0.2.1"))
    }

    @Test func `One subscriber has one address of IPv4, and the last 64 bits of IPv6`() throws {
        #expect(IPAddress("192.0.2.1")?.subscriber != IPAddress("192.0.2.2")?.subscriber)
        #expect(IPAddress("2001:db8::1")?.subscriber == IPAddress("2001:db8::ffff:ffff:ffff:ffff")?.subscriber)
        #expect(IPAddress("2001:db8::1")?.subscriber != IPAddress("2001:db8:0:1::1")?.subscriber)
    }

    @Test(arguments: [
        ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.1.1"], ["11.0.0.0", "9.255.255.255", "::", "::10.0.0.1"]),
        ("192.0.2.1", ["192.0.2.1"], ["192.0.2.0", "192.0.2.2"]),
        ("192.0.2.128/25", ["192.0.2.128", "192.0.2.255"], ["192.0.2.127"]),
        ("0.0.0.0/0", ["1.2.3.4", "255.0.0.0"], ["::1", "2001:db8::1"]),
        ("2001:db8::/32", ["2001:db8::1", "2001:db8:ffff::"], ["2001:db9::", "10.0.0.1"]),
        ("2001:db8::/65", ["2001:db8::7fff:0:0:1"], ["2001:db8::8000:0:0:1"]),
        ("::1", ["::1"], ["::2", "127.0.0.1"]),
        ("::/0", ["::1", "1.2.3.4"], []),
    ])
    func `A range has the addresses that begin as it does`(text: String, inside: [String], outside: [String]) throws {
        let range = try #require(AddressRange(text))
        for address in inside { #expect(IPAddress(address).map(range.contains) == true, "\(address)") }
        for address in outside { #expect(IPAddress(address).map(range.contains) == false, "\(address)") }
    }

    @Test(arguments: [
        "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.1/8",
        "::/129", "2001:db8::1/64", "10.0.0.0/٨", "10/8", "localhost/8", "192.0.2.129/25",
    ])
    func `Other texts are no ranges, nor are those with bits behind the prefix`(text: String) {
        #expect(AddressRange(text) == nil)
    }

    @Test func `A list has commas between its ranges`() {
        #expect(AddressRange.list("10.0.0.0/8, ::1,192.0.2.1")?.count == 3)
        for text in ["", "10.0.0.0/8,", ",::1", "::1;::2", "::1 ::2"] { #expect(AddressRange.list(text) == nil) }
    }
}
