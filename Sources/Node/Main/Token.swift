import ArgumentParser
import Foundation
import VolaryCommand
import VolaryNode

/// `volary token`.
struct Token: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Creates or explains a token.",
        discussion: "Without a subcommand it creates one. 'volary help token create' shows how.",
        subcommands: [TokenCreate.self, TokenVerify.self],
        defaultSubcommand: TokenCreate.self
    )
}

/// `volary token create`: creates a test token, as an identity provider would issue it, or the URL of a client of Web PubSub.
struct TokenCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Creates a test token, or with --hub a client URL of Web PubSub.",
        discussion: """
            Signs with a secret or a private key. Nodes with this secret, or with the public key, accept the token. Defaults come \
            from the node's environment variables: VOLARY_JWT_KEY, VOLARY_JWT_AUDIENCE, VOLARY_JWT_ISSUER, VOLARY_JWT_USER_CLAIM, \
            VOLARY_JWT_GROUPS_CLAIM, VOLARY_JWT_PERMISSIONS_CLAIM. With --hub, the access key signs instead: VOLARY_ACCESS_KEY or \
            VOLARY_ACCESS_KEYS.
            """
    )

    @Option(name: .customLong("jwt-key"), help: "File with a secret, or with a private key in PEM (RSA, P-256).")
    var key: String?

    @Option(help: "The user. With --hub it may be absent.")
    var user: String?

    @Option(help: "Prints the URL with which a client of Web PubSub connects to this hub.")
    var hub: String?

    @OptionGroup var pubSub: PubSubFlags

    @Option(name: .customLong("role"), help: "With --hub: a role, such as webpubsub.joinLeaveGroup. May be repeated.")
    var roles: [String] = []

    @Option(name: .customLong("group"), help: "A group that the user's connections join. May be repeated.")
    var groups: [String] = []

    @Option(
        name: .customLong("permission"),
        help: "read, send, manage (REST) or broadcast (messages to all clients). May be repeated."
    )
    var permissions: [String] = []

    @Option(name: .customLong("audience"), help: "The audience (aud).")
    var audience: String?

    @Option(name: .customLong("issuer"), help: "The issuer (iss).")
    var issuer: String?

    @Option(name: .customLong("key-id"), help: "The key's id in a key set (kid).")
    var keyID: String?

    @Option(name: .customLong("expires-in"), help: "Lifetime, such as 30s, 10m or 1h.")
    var expiresIn = "1h"

    func run() async throws {
        guard let hub else { return try await self.printToken() }
        do {
            print(
                try await self.pubSub.issuer().clientURL(
                    hub: hub,
                    user: self.user,
                    roles: self.roles,
                    groups: self.groups,
                    expiresIn: self.expiresIn
                )
            )
        } catch let failure as TokenIssuer.Failure {
            throw Refusal.of(failure)
        }
    }

    private func printToken() async throws {
        guard let user else { throw ValidationError("--user is missing.") }
        let environment = ProcessInfo.processInfo.environment.filter { !$0.value.isEmpty }
        let request = TokenIssuer.Request(
            user: user,
            groups: self.groups,
            permissions: self.permissions,
            audience: self.audience ?? environment["VOLARY_JWT_AUDIENCE"],
            issuer: self.issuer ?? environment["VOLARY_JWT_ISSUER"],
            expiresIn: self.expiresIn,
            keyID: self.keyID,
            userClaim: environment["VOLARY_JWT_USER_CLAIM"],
            groupsClaim: environment["VOLARY_JWT_GROUPS_CLAIM"],
            permissionsClaim: environment["VOLARY_JWT_PERMISSIONS_CLAIM"]
        )
        guard let path = self.key ?? environment["VOLARY_JWT_KEY"] else {
            throw ValidationError("--jwt-key or VOLARY_JWT_KEY is missing.")
        }
        do {
            print(try await TokenIssuer.token(request, key: self.contents(of: path)))
        } catch let failure as TokenIssuer.Failure {
            throw Refusal.of(failure)
        }
    }

    private func contents(of path: String) throws -> Data {
        do throws(OperatorFile.ReadError) {
            return try OperatorFile.text(path)
        } catch {
            let origin = self.key == nil ? ConfigurationError.Origin.variable : .flag
            throw Refusal.of(
                ConfigurationError(option: "jwt-key", value: path, allowed: error.description, origin: origin)
            )
        }
    }
}
