import Testing

@testable import VolaryNode

/// Which option may be meant.
@Suite
struct SuggestionTests {
    @Test(
        arguments: [
            ("prot", "port"), ("Port", "port"), ("hots", "host"), ("nodeName", "node-name"), ("node_name", "node-name"),
            ("VOLARY_NODE_NAME", "node-name"), ("--node-name", "node-name"), ("volary.lease", "lease"), ("name", "node-name"),
            ("redis-url", "redis"), ("max-conections", "max-connections"), ("maxMessage", "max-message"),
            ("loglevel", "log-level"),
            ("drain-timout", "drain-timeout"), ("certificate", "tls-certificate"),
        ]
    )
    func `A slip, another spelling, or a part of a name finds its option`(name: String, option: String) {
        #expect(ConfigurationOption.suggestion(for: name) == option)
    }

    @Test(
        arguments: ["", "x", "favourite-colour", "zzz", "ü", "-", String(repeating: "port", count: 1000)]
    )
    func `Nothing is suggested for what is far from all of them`(name: String) {
        #expect(ConfigurationOption.suggestion(for: name) == nil)
    }
}
