package import ArgumentParser
import VolaryNode

/// `volary token verify`: what a node of this configuration would say of a token.
package struct TokenVerify: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Says what a node makes of a token of an identity provider, or why it refuses it.",
        discussion: """
            Reads the same flags, variables and files as serve; --jwt-key or --jwks is needed. Exit status 1 for a token that a node \
            refuses.
            """
    )

    @Argument(help: "The token.")
    var token: String

    @OptionGroup var flags: Flags

    package init() {}

    package func run() async throws {
        let (configuration, _) = try self.flags.load()
        do throws(TokenReport.Refusal) {
            print(try await TokenReport(of: self.token, for: configuration).text)
        } catch {
            Refusal.write(error.description)
            throw ExitCode.failure
        }
    }
}
