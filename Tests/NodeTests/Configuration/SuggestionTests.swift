import Testing

@testable import Node

@Suite("Which option may be meant")
struct SuggestionTests {
    @Test(
        "A slip, another spelling, or a part of a name finds its option",
        arguments: [
            ("prot", "port"), ("Port", "port"), ("hots", "host"), ("nodeName", "node-name"), ("node_name", "node-name"),
            ("VOLARY_NODE_NAME", "node-name"), ("--node-name", "node-name"), ("volary.lease", "lease"), ("name", "node-name"),
            ("redis-url", "redis"), ("max-conections", "max-connections"), ("maxMessage", "max-message"),
            ("loglevel", "log-level"),
            ("drain-timout", "drain-timeout"), ("certificate", "tls-certificate"),
        ]
    )
    func found(name: String, option: String) {
        #expect(ConfigurationOption.suggestion(for: name) == option)
    }

    @Test(
        "Nothing is suggested for what is far from all of them",
        arguments: ["", "x", "favourite-colour", "zzz", "ü", "-", String(repeating: "port", count: 1000)]
    )
    func none(name: String) {
        #expect(ConfigurationOption.suggestion(for: name) == nil)
    }
}
