import Foundation
import Protocol
import Testing

@Suite("Ids and topics: what people and brokers see")
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

    // MARK: - Topics

    @Test func `Topics have names that read back`() {
        #expect(Topic.all.name == "all")
        #expect(Topic.node(NodeID(rawValue: 0xA0)).name == "node:000000a0")
        for topic in [.all, .node(NodeID(rawValue: 0)), .node(.random()), .group(Name("a:b")!), .user(Name("x@y")!)] as [Topic] {
            #expect(Topic(name: topic.name) == topic)
        }
    }

    @Test(arguments: [
        "", "All", "all ", "node", "node:", "node:0", "node:000000A0", "node:000000a00", "nodes:000000a0", "group:", "user:a b",
        "groups:x",
    ])
    func `Other texts name no topic`(name: String) {
        #expect(Topic(name: name) == nil)
    }

    // MARK: - Names

    @Test(arguments: ["a", "Z9", "alice@example.com", "-._~@:+=", String(repeating: "n", count: 256)])
    func `What is a name is taken as it is`(text: String) {
        #expect(Name(text)?.text == text)
    }

    @Test(arguments: ["", "a b", "a/b", "é", "a\n", "a%20", "{a}", "a*", String(repeating: "n", count: 257)])
    func `What is no name is refused`(text: String) {
        #expect(Name(text) == nil)
    }
}
