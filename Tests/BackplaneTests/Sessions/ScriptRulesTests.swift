import Testing

@testable import VolaryBackplane

struct ScriptRulesTests {
    @Test func `Each text that a test replaces to take a rule away is in a script`() {
        let sources = RedisScript.sessions.map(\.source)
        for (rule, text, _) in ScriptRules.replacements {
            #expect(sources.contains { $0.contains(text) }, "rule \(rule.rawValue): \(text)")
        }
    }
}
