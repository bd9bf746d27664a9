import Testing
import VolaryProtocol

/// The names of hubs.
@Suite
struct HubNameTests {
    private static let most = String(repeating: "x", count: 127)

    @Test(arguments: ["a", "default", "Chat", "A1_`,.[]z", "z" + Self.most])
    func `A letter, then at most 127 letters, digits and some signs are a name`(text: String) throws {
        #expect(try #require(HubName(text)).text == text.lowercased())
    }

    @Test(
        arguments: [
            "", "1a", "_a", ".a", "[a]", "a b", "a-b", "a/b", "a{b}", "a\u{0}", "a\n", "é", "aé", "\u{212A}a", "a\u{301}",
            "z" + Self.most + "x",
        ]
    )
    func `Any other text is no name`(text: String) {
        #expect(HubName(text) == nil)
    }

    @Test func `Upper case and lower case are the same name`() {
        #expect(HubName("CHAT") == HubName("chat"))
        #expect(Set([HubName("CHAT"), HubName("chat"), HubName("Chat2")]).count == 2)
        #expect(HubName("Default") == .default)
        #expect(HubName("Default")?.isDefault == true && HubName("defaults")?.isDefault == false)
    }

    @Test func `Names are ordered by their bytes`() throws {
        let names = ["a]", "a_", "a", "b", "aa", "a1", "a,"].compactMap { HubName($0) }
        #expect(names.sorted().map(\.text) == ["a", "a,", "a1", "a]", "a_", "aa", "b"])
    }

    @Test func `Topics of two hubs differ, and a node's topic is of none`() throws {
        let (hub, name) = (try #require(HubName("chat")), try #require(AudienceName("g")))
        let connection = ConnectionID.random(on: NodeID(rawValue: 7))
        let audiences: [Audience] = [.all, .group(name), .user(name)]
        #expect(Set(audiences.flatMap { [$0.topic(in: hub), $0.topic(in: .default)] }).count == 6)
        #expect(audiences.map { $0.topic(in: hub).hub } == [hub, hub, hub])
        #expect(Audience.connection(connection).topic(in: hub) == .node(NodeID(rawValue: 7)))
        #expect(Topic.node(NodeID(rawValue: 7)).hub == nil)
    }
}
