import Logging
import Testing

@testable import VolaryNode

/// Environment variables.
@Suite
struct EnvironmentVariablesTests {
    @Test
    func `Each option has its variable; an empty one, and one without the prefix, counts as absent`() {
        let environment = ["VOLARY_NODE_NAME": "a", "VOLARY_PORT": "81", "VOLARY_HOST": "", "PORT": "1", "volary_port": "2"]
        let variables = EnvironmentVariables(environment)
        #expect(variables.values == [.nodeName: "a", .port: "81"])
        #expect(variables.unknown.isEmpty && variables.file == nil)
        #expect(EnvironmentVariables(["VOLARY_CONFIG": "/x"]).file == "/x")
        #expect(EnvironmentVariables(["VOLARY_CONFIG": ""]).file == nil)
    }

    @Test(
        arguments: [
            ("VOLARY_SERVICE_HOST", "10.96.12.34"), ("VOLARY_SERVICE_PORT", "8080"), ("VOLARY_SERVICE_PORT_HTTP", "8080"),
            ("VOLARY_PORT_8080_TCP", "tcp://10.96.12.34:8080"), ("VOLARY_PORT_8080_TCP_PROTO", "tcp"),
            ("VOLARY_PORT_8080_TCP_PORT", "8080"), ("VOLARY_PORT_8080_TCP_ADDR", "10.96.12.34"),
            ("VOLARY_PORT_53_UDP", "udp://10.96.12.34:53"), ("VOLARY_PORT", "tcp://[fd00::1]:8080"),
            ("VOLARY_PORT", "udp://10.0.0.1:53"),
            ("VOLARY_PORT", "sctp://10.0.0.1:53"), ("VOLARY_REDIS_PORT", "tcp://10.96.0.9:6379"),
            ("VOLARY_REDIS_MASTER_SERVICE_HOST", "10.96.0.9"),
        ]
    )
    func `What Kubernetes sets for Services called volary and volary-… is no configuration, and nothing unknown`(
        name: String,
        value: String
    ) throws {
        let variables = EnvironmentVariables([name: value])
        #expect(variables.values.isEmpty && variables.unknown.isEmpty)
        #expect(variables.isPortOfService == (name == "VOLARY_PORT"))
        let configuration = try ConfigurationLoader(flags: [:], environment: [name: value], file: nil).load()
        #expect(configuration.port == 8080)
        #expect(try ConfigurationLoader(flags: [.port: "9000"], environment: [name: value], file: nil).load().port == 9000)
    }

    @Test
    func `A port that is neither a number nor a Service's address is refused, and so is such an address as a flag`() {
        #expect(throws: ConfigurationError.self) {
            try ConfigurationLoader(flags: [:], environment: ["VOLARY_PORT": "http://10.0.0.1"], file: nil).load()
        }
        #expect(throws: ConfigurationError.self) {
            try ConfigurationLoader(flags: [.port: "tcp://10.0.0.1:80"], environment: [:], file: nil).load()
        }
    }

    @Test
    func `Unknown variables are named, in order, with what may be meant, and without their values; many are summed up`() {
        let recorder = LogRecorder()
        var environment = ["VOLARY_PROT": "hunter2", "VOLARY_REDIS_PORT": "6379"]
        for number in 10..<40 { environment["VOLARY_ZZZ\(number)"] = "hunter2" }
        EnvironmentVariables(environment).logIgnored(to: recorder.logger)
        let lines = recorder.lines
        #expect(lines.count == 21)
        #expect(lines[0].contains("VOLARY_PROT") && lines[0].contains("volary.suggestion=VOLARY_PORT"))
        #expect(lines[1].contains("VOLARY_REDIS_PORT"))
        #expect(lines[2].contains("VOLARY_ZZZ10") && !lines[2].contains("suggestion"))
        #expect(lines[20].contains("volary.count=12"))
        #expect(lines.allSatisfy { !$0.contains("hunter2") && !$0.contains("6379") })
    }
}
