import Testing
import VolaryProtocol

@testable import VolaryNode

/// What a node is called that has been given no name.
@Suite
struct NodeNameTests {
    private static func name(_ host: String) -> String { NodeName.fitted(host, suffix: "-8080") }

    @Test
    func `What its host is called, and the port`() {
        for host in ["web", "web_1", "web-1.internal.example", String(repeating: "x", count: 59)] {
            #expect(Self.name(host) == "\(host)-8080")
        }
        #expect(Self.name("") == "node-8080")
    }

    @Test
    func `Of hosts that differ, however late or in whatever sign, the names differ and are names`() {
        let long = String(repeating: "checkout-service-", count: 4)
        let hosts = [
            "a b", "a-b", "a/b", "a_b", "a.b", "h\u{e9}", "he\u{301}", "h\u{e8}", long, long + "1", long + "2",
            String(repeating: "x", count: 60), String(repeating: "x", count: 61), "pod-7d9c5.prod", "pod-7d9c5.test",
        ]
        let names = hosts.map(Self.name)
        #expect(Set(names).count == hosts.count, "\(names)")
        for name in names {
            #expect(name.utf8.count <= NodeName.maximumBytes && name.hasSuffix("-8080"))
            #expect(name.utf8.allSatisfy { $0 < 0x80 } && name.allSatisfy { $0.isLetter || $0.isNumber || "._-".contains($0) })
        }
    }

    @Test
    func `A number is part of it, and so is the end of what has no room for one`() {
        let name = NodeName("web-8080", isGiven: false)
        name.takeNext()
        #expect(name.text == "web-8080-2")
        let (one, other) = (Self.name(String(repeating: "x", count: 59)), Self.name(String(repeating: "x", count: 58) + "y"))
        let numbered = [one, other].flatMap { text in
            let name = NodeName(text, isGiven: false)
            return (0..<3).map { _ in
                defer { name.takeNext() }
                return name.text
            }
        }
        #expect(Set(numbered).count == 6 && numbered.allSatisfy { $0.utf8.count <= NodeName.maximumBytes })
    }

    @Test
    func `This host's, without asking anybody`() {
        let id = NodeID(rawValue: 7)
        #expect(NodeName(given: nil, port: 8080, id: id).text.hasSuffix("-8080"))
        #expect(NodeName(given: nil, port: 0, id: id).text.hasSuffix("-00000007"))
        #expect(NodeName(given: "a", port: 1, id: id).text == "a")
    }
}
