import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Names in Redis.
@Suite
struct NameKeyTests {
    @Test
    func `What names could be before keeps its key, so that keys and channels of earlier versions are found`() throws {
        let longest = String(repeating: "n", count: 256)
        for text in ["a", "Z9", "alice@example.com", "-._~@:+=", longest] {
            let name = try #require(AudienceName(text))
            #expect(NameKey(name).description == text)
            #expect(RedisPresenceKeys.filterPrefix(ConnectionFilter(user: name, group: name)) == "b/\(text)/\(text)/")
            #expect(LogKeys(.group(name)).channel == "volary:2:h:{default}:t:group:\(text)")
            #expect(LogKeys(.user(name)).channel == "volary:2:h:{default}:t:user:\(text)")
        }
        #expect(LogKeys(.all).channel == "volary:2:h:{default}:t:all")
        #expect(LogKeys(.node(NodeID(rawValue: 0xA0))).channel == "volary:2:n:{000000a0}:t:command")
    }

    @Test(
        arguments: [
            ("/staff", "%2Fstaff"), ("Domain Users", "Domain%20Users"), ("auth0|5f7", "auth0%7C5f7"), ("%41", "%2541"),
            ("\u{E9}", "%C3%A9"),
            ("e\u{301}", "e%CC%81"), ("{}", "%7B%7D"), ("#x", "%23x"), ("\n", "%0A"),
            (String(repeating: "/", count: 85), String(repeating: "%2F", count: 85)),
            // SHA-256 of 86 slashes, and of 257 times an n.
            (String(repeating: "/", count: 86), "#8253e1c020580e56b673e08d1b2b8a23ba4bbe623a949fb96a50b086c1b44913"),
            (String(repeating: "n", count: 257), "#ff57cc7c1ef69864a7b7577a81f630d9f368c966d7a1905e1b933c5c7ff296f0"),
        ]
    )
    func `Other bytes are percent-encoded, and what is long is a hash`(text: String, key: String) throws {
        let name = try #require(AudienceName(text))
        #expect(NameKey(name).description == key)
        #expect(NameKey(name).isHash == key.hasPrefix("#"))
    }

    @Test
    func `Each name has one key, each key one name, and no key has a separator in it`() throws {
        var random = SplitMix64(state: 14)
        let scalars: [Unicode.Scalar] = [
            "a", "b", "%", "/", "#", "{", "}", " ", "\n", "2", "F", "\u{301}", "\u{323}", "\u{E9}", "😀",
        ]
        var names = Set(AwkwardNames.all.compactMap { AudienceName($0) })
        for _ in 0..<1500 {
            var text = String.UnicodeScalarView()
            let length = Int.random(in: 1...8, using: &random) * (Int.random(in: 0..<20, using: &random) == 0 ? 60 : 1)
            for _ in 0..<length { text.append(scalars.randomElement(using: &random) ?? "a") }
            if let name = AudienceName(String(text)) { names.insert(name) }
        }
        var keys: Set<NameKey> = []
        for name in names {
            let key = NameKey(name)
            #expect(keys.insert(key).inserted, "\(key)")
            #expect(key.description.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"/{}\"\\*?[]".utf8.contains($0) }, "\(key)")
            #expect(key.description.utf8.count <= NameKey.maximumBytes)
            #expect(NameKey.decode(NameKey.encode(name)) == name)
            #expect(NameKey.decode(key.description) == (key.isHash ? nil : name))
        }
    }

    @Test(
        arguments: [
            "", "%", "%2", "%2f", "%41", "a b", "a/b", "\u{E9}", "%C0%AF", "%ED%A0%80", "%00", "#00",
            String(repeating: "a", count: 1025),
        ]
    )
    func `Only what a name is written as is read as one`(text: String) {
        #expect(NameKey.decode(text) == nil)
    }
}
