import Foundation
import TestSupport
import Testing
import VolaryProtocol

/// Ids and topics: what people and brokers see.
@Suite
struct IdentityTests {
    // MARK: - Nodes

    @Test func `A node's id is eight lower-case digits`() {
        #expect(NodeID(rawValue: 0).description == "00000000")
        #expect(NodeID(rawValue: 0x00AB_CDEF).description == "00abcdef")
        #expect(NodeID(rawValue: .max).description == "ffffffff")
        #expect(NodeID("00abcdef") == NodeID(rawValue: 0x00AB_CDEF))
        #expect(NodeID("90123456")?.rawValue == 0x9012_3456)
    }

    @Test(arguments: [
        "", "0", "0abcdef", "000abcdef", "00ABCDEF", "00abcdeg", "00abcde ", " 0abcdef", "0x0abcde", "-0abcdef", "00abcdé",
        "00abcd:f",
        "00abcd/f", "00abcd`f", "００００００００",
    ])
    func `Other texts are no node's id`(text: String) {
        #expect(NodeID(text) == nil)
    }

    @Test func `A node's id travels as its text in JSON`() throws {
        let id = NodeID(rawValue: 0x0A0B_0C0D)
        let json = try JSONEncoder().encode([id])
        #expect(String(decoding: json, as: UTF8.self) == #"["0a0b0c0d"]"#)
        #expect(try JSONDecoder().decode([NodeID].self, from: json) == [id])
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([NodeID].self, from: Data(#"["0A0B0C0D"]"#.utf8)) }
    }

    // MARK: - Connections

    @Test func `A connection's id is 32 lower-case digits that end with its node's`() throws {
        let text = "00112233445566778899aabb0a0b0c0d"
        let id = try #require(ConnectionID(text))
        #expect(id.description == text)
        #expect(id.short == "00112233")
        #expect(id.node == NodeID(rawValue: 0x0A0B_0C0D))
        #expect(ConnectionID(String(repeating: "f", count: 32))?.short == "ffffffff")
    }

    @Test(arguments: [
        "", "00112233445566778899aabb0a0b0c0", "00112233445566778899aabb0a0b0c0d0", "00112233445566778899AABB0a0b0c0d",
        "00112233-4455-6677-8899-aabb0a0b0c0d", "0011223344556677g899aabb0a0b0c0d", "001122334455667 8899aabb0a0b0c0d",
        "0011223344556677",
    ])
    func `Other texts are no connection's id`(text: String) {
        #expect(ConnectionID(text) == nil)
    }

    @Test func `New ids name their node, differ, and read back`() {
        let node = NodeID.random()
        let ids = (0..<1000).map { _ in ConnectionID.random(on: node) }
        #expect(Set(ids).count == 1000)
        #expect(Set(ids.map(\.short)).count > 990)
        #expect(ids.allSatisfy { $0.node == node && ConnectionID($0.description) == $0 && $0.description.hasPrefix($0.short) })
        // The bits between the short form and the node are random too.
        #expect(Set(ids.map { $0.description.dropFirst(8).prefix(16) }).count == 1000)
    }

    @Test func `The order of ids is the order of their texts`() throws {
        let nodes = [0, 1, 0x7FFF_FFFF, 0x8000_0000, .max] + (0..<200).map { _ in UInt32.random(in: .min ... .max) }
        let nodeIDs = nodes.map(NodeID.init(rawValue:))
        #expect(nodeIDs.sorted().map(\.description) == nodeIDs.map(\.description).sorted())
        var texts = (0..<300).map { _ in ConnectionID.random(on: .random()).description }
        // Alike in the first 16 digits, different behind, and the other way round.
        for digit in "0123456789abcdef" {
            texts.append("0123456789abcdef\(digit)000000000000000")
            texts.append("\(digit)1234567890000000000000000000000")
        }
        let ids = try texts.map { try #require(ConnectionID($0)) }
        #expect(ids.sorted().map(\.description) == texts.sorted())
    }

    // MARK: - Names

    /// Alike to Unicode's canonical equivalence, and different.
    private static let twins = [
        ("\u{E9}", "e\u{301}"), ("a\u{301}\u{323}", "a\u{323}\u{301}"), ("K", "\u{212A}"), ("\u{37E}", ";"),
    ]

    /// Not arguments of the test: to print the longest of combining marks takes seconds.
    private static let texts = [
        "a", "Z9", "alice@example.com", "a b", "a/b", "\u{E9}", "e\u{301}", "a\n", "a%20", "{a}", "*", " ", "\u{1}", "\u{7F}",
        "\u{FFFF}",
        String(repeating: "n", count: 1024), String(repeating: "日", count: 1024), String(repeating: "😀", count: 512),
        String(repeating: "\u{301}", count: 1024),
    ]

    @Test
    func `Any text is a name, byte for byte`() throws {
        for (number, text) in Self.texts.enumerated() {
            // A part of another text is one too.
            let part = Substring("-\(text)".unicodeScalars.dropFirst())
            for name in [AudienceName(text), AudienceName(part)] {
                let name = try #require(name)
                let isSame = name.text.utf8.elementsEqual(text.utf8)
                #expect(isSame, "text \(number)")
                #expect(name.byteCount == text.utf8.count && name.byteCount <= AudienceName.maximumBytes)
            }
        }
    }

    @Test(
        arguments: [
            "", "\u{0}", "a\u{0}b", String(repeating: "n", count: 1025), String(repeating: "日", count: 1025),
            String(repeating: "😀", count: 513), String(repeating: "😀", count: 512) + "n", String(repeating: "n", count: 5000),
        ]
    )
    func `A text that is empty, too long, or has U+0000 in it is no name`(text: String) {
        #expect(AudienceName(text) == nil)
    }

    @Test
    func `Names that look alike are two, also in sets and dictionaries`() throws {
        for (left, right) in Self.twins {
            #expect(left == right, "Swift takes them for one text")
            let (left, right) = (try #require(AudienceName(left)), try #require(AudienceName(right)))
            #expect(left != right && (left < right) != (right < left))
            #expect(Set([left, right, left]).count == 2)
            let topics: [Topic: Int] = [.group(.default, left): 1, .group(.default, right): 2, .user(.default, left): 3]
            #expect(topics[.group(.default, left)] == 1 && topics[.group(.default, right)] == 2)
        }
    }

    @Test
    func `The order of names is that of their bytes`() {
        var random = SplitMix64(state: 7)
        let scalars: [Unicode.Scalar] = [
            "a", "b", "/", " ", "\u{7F}", "\u{80}", "\u{301}", "\u{323}", "\u{E9}", "\u{FFFF}", "\u{10000}", "\u{10FFFF}",
        ]
        let names = (0..<2000).compactMap { _ -> AudienceName? in
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 1...6, using: &random) { text.append(scalars.randomElement(using: &random) ?? "a") }
            return AudienceName(String(text))
        }
        let sorted = names.sorted()
        for (left, right) in zip(sorted, sorted.dropFirst()) {
            let isBelow = left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
            let isSame = left.text.utf8.elementsEqual(right.text.utf8)
            #expect(isBelow || isSame)
            #expect((left == right) == isSame && (left < right) == isBelow)
            #expect(!isSame || left.hashValue == right.hashValue)
        }
        #expect(Set(names).count == Set(names.map { Array($0.text.utf8) }).count)
    }
}
