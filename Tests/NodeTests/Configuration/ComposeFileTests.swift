import Foundation
import Testing

@testable import VolaryNode

/// What docker-compose.yml hands on to the nodes.
@Suite
struct ComposeFileTests {
    /// Options of what belongs to the balancer and to the container.
    private static let fixed: Set<ConfigurationOption> = [.host, .port, .nodeName, .tlsCertificate, .tlsKey]
    /// Options that another variable decides.
    private static let decided: [ConfigurationOption: String] = [.insecure: "VOLARY_PUBLISH", .jwtKey: "VOLARY_JWT_KEY_FILE"]

    @Test func `Every option but the address, the name and TLS can be set from the environment of Compose`() throws {
        let text = try Page("docker-compose.yml").text
        let handedOn = text.matches(of: /(?m)^      (VOLARY_\w+): \$\{(VOLARY_\w+):[-+][^}]*\}$/).map { "\($0.1) from \($0.2)" }
        let options = ConfigurationOption.allCases.filter { !Self.fixed.contains($0) }
        #expect(handedOn.sorted() == options.map { "\($0.variable) from \(Self.decided[$0] ?? $0.variable)" }.sorted())
    }
}
