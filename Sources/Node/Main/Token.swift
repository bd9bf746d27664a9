import ArgumentParser
import Foundation
import VolaryNode

/// `volary token`: a token for trials, as an identity provider would issue it.
struct Token: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Makes a token for trials.",
        discussion: """
            Signs with a secret or a private key; a node that has the secret, or the public key, takes it. What is not said here is read \
            from the node's own variables: VOLARY_JWT_KEY, VOLARY_JWT_AUDIENCE, VOLARY_JWT_ISSUER, VOLARY_JWT_USER_CLAIM, \
            VOLARY_JWT_GROUPS_CLAIM, VOLARY_JWT_PERMISSIONS_CLAIM.
            """
    )

    @Option(name: .customLong("jwt-key"), help: "File with a secret, or with a private key in PEM (RSA, P-256).")
    var key: String?

    @Option(help: "Whose token it is.")
    var user: String

    @Option(name: .customLong("group"), help: "A group that the user's connections join; may be given more than once.")
    var groups: [String] = []

    @Option(
        name: .customLong("permission"),
        help: "read, send, manage (REST) or broadcast (a client's messages to all); may be given again."
    )
    var permissions: [String] = []

    @Option(name: .customLong("audience"), help: "For whom it is (aud).")
    var audience: String?

    @Option(name: .customLong("issuer"), help: "Who issues it (iss).")
    var issuer: String?

    @Option(name: .customLong("key-id"), help: "The key's id in a key set (kid).")
    var keyID: String?

    @Option(name: .customLong("expires-in"), help: "How long it is good for.")
    var expiresIn = "1h"

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment.filter { !$0.value.isEmpty }
        let request = TokenIssuer.Request(
            user: self.user,
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
        do throws(OperatorFile.Fault) {
            return try OperatorFile.text(path)
        } catch {
            let origin = self.key == nil ? ConfigurationError.Origin.variable : .flag
            throw Refusal.of(
                ConfigurationError(option: "jwt-key", value: path, allowed: error.description, origin: origin)
            )
        }
    }
}
