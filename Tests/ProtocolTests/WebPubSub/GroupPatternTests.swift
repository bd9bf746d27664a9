import TestSupport
import Testing

@testable import VolaryProtocol

@Suite
struct GroupPatternTests {
    private func matches(_ pattern: String, _ name: String) -> Bool? {
        GroupPattern(UTF8Text(pattern))?.matches(AudienceName(name)!)
    }

    @Test(
        arguments: [
            ("ab*", ["ab", "abcd"], ["ab.cd", "a", "xab"]),
            ("a?c", ["abc", "aäc", "a\u{1F600}c"], ["ac", "a.c", "abbc"]),
            ("room.*", ["room.1", "room."], ["room", "room.1.2"]),
            ("room.**", ["room.1.2", "room.", "room.1"], ["room"]),
            ("**.log", ["a.b.log", ".log"], ["a.b.logs", "log"]),
            (#"a\*b"#, ["a*b"], ["ab", "axb"]),
            (#"\?\\\*"#, [#"?\*"#], ["a"]),
            ("**", ["a", "a.b", "."], []),
            ("***", ["a.b"], []),
            ("*", ["a", "ab"], ["a.b", "."]),
            ("?", ["a", "ä"], ["ab", "."]),
            ("abc", ["abc"], ["ABC", "abcd", "ab"]),
            ("*b*", ["b", "abc", "bbb"], ["a", "a.b"]),
            ("*ab**ab", ["abab", "xabx.ab"], ["ab", "x.abab"]),
            ("**.a*b", ["x.ab", "x.y.azb"], ["x.a.b", "ab"]),
            ("?*?", ["ab", "abc"], ["a", "a."]),
            ("e\u{301}", ["e\u{301}"], ["\u{e9}"]),
        ] as [(String, [String], [String])]
    )
    func `A pattern matches whole names`(pattern: String, matching: [String], others: [String]) {
        for name in matching { #expect(self.matches(pattern, name) == true, "\(pattern) does not match \(name)") }
        for name in others { #expect(self.matches(pattern, name) == false, "\(pattern) matches \(name)") }
    }

    @Test(arguments: [#"\a"#, #"a\"#, #"\"#, #"\."#, "", "*a*a*a*a*a*", "??????", "*?*?*?"])
    func `A pattern with another escape or too many wildcards is none`(pattern: String) {
        #expect(GroupPattern(UTF8Text(pattern)) == nil)
    }

    @Test func `A pattern has at most five wildcards and 1,024 UTF-16 code units`() {
        #expect(self.matches("*a?b***c*d*", "1a2b3.4c5d6") == true)
        #expect(GroupPattern(UTF8Text(String(repeating: "a", count: 1024))) != nil)
        #expect(GroupPattern(UTF8Text(String(repeating: "a", count: 1025))) == nil)
        #expect(GroupPattern(UTF8Text(String(repeating: "\u{1F600}", count: 512))) != nil)
        #expect(GroupPattern(UTF8Text(String(repeating: "\u{1F600}", count: 512) + "a")) == nil)
        #expect(GroupPattern("**")!.matchesAll && GroupPattern("*****")!.matchesAll)
        #expect(!GroupPattern("*")!.matchesAll && !GroupPattern("**a")!.matchesAll)
    }

    /// The definition of a match, without regard to time.
    private static func oracle(_ pattern: Substring, _ name: Substring) -> Bool {
        guard let first = pattern.unicodeScalars.first else { return name.isEmpty }
        let rest = pattern.dropFirst()
        if pattern.hasPrefix("**") {
            let after = pattern.drop { $0 == "*" }
            return name.indices.contains { self.oracle(after, name[$0...]) } || self.oracle(after, "")
        }
        switch first {
        case "*":
            let reach = name.prefix { $0 != "." }
            return (0...reach.count).contains { self.oracle(rest, name.dropFirst($0)) }
        case "?": return name.first.map { $0 != "." } == true && self.oracle(rest, name.dropFirst())
        default: return name.unicodeScalars.first == first && self.oracle(rest, name.dropFirst())
        }
    }

    @Test func `Random patterns match as their definition says`() throws {
        var random = SplitMix64()
        var matches = 0
        for _ in 0..<20_000 {
            let pattern = String((0..<Int.random(in: 1...7, using: &random)).map { _ in "ab.*?".randomElement(using: &random)! })
            let name = String((0..<Int.random(in: 1...7, using: &random)).map { _ in "ab.".randomElement(using: &random)! })
            guard let result = self.matches(pattern, name) else { continue }
            #expect(result == Self.oracle(pattern[...], name[...]), "\(pattern) and \(name), seed \(SplitMix64.seed)")
            matches += result ? 1 : 0
        }
        #expect(matches > 1000)
    }

    @Test(.timeLimit(.minutes(5))) func `A match takes linear time for every pattern`() {
        let part = String(repeating: "a", count: 200)
        for pattern in ["*\(part)b*\(part)b*\(part)b*\(part)b*", "**\(part)**\(part)**\(part)**\(part)**b", "*?*?*"] {
            for _ in 0..<100 { _ = self.matches(pattern, String(repeating: "a", count: 1024)) }
        }
    }
}
