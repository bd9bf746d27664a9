import ArgumentParser
import Foundation
import Node

/// `volary token`: a token for trials, as an identity provider would issue it.
struct Token: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes a token for trials.",
        discussion: """
            Signs with a secret or a private key; a node that has the secret, or the public key, takes it. What is not said here is read \
            from the node's own variables: VOLARY_JWT_KEY, VOLARY_JWT_AUDIENCE, VOLARY_JWT_ISSUER.
            """
    )

    @Option(name: .customLong("jwt-key"), help: "File with a secret, or with a private key in PEM (RSA, P-256).")
    var key: String?

    @Option(help: "Whose token it is (sub).")
    var user: String

    @Option(name: .customLong("group"), help: "A group that the user's connections join; may be given more than once.")
    var groups: [String] = []

    @Option(name: .customLong("permission"), help: "read, send or manage, for REST; may be given more than once.")
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
        guard let path = self.key ?? environment["VOLARY_JWT_KEY"], let key = FileManager.default.contents(atPath: path) else {
            throw ValidationError("--jwt-key must be a file that can be read")
        }
        let request = TokenMint.Request(
            user: self.user,
            groups: self.groups,
            permissions: self.permissions,
            audience: self.audience ?? environment["VOLARY_JWT_AUDIENCE"],
            issuer: self.issuer ?? environment["VOLARY_JWT_ISSUER"],
            expiresIn: self.expiresIn,
            keyID: self.keyID
        )
        do {
            print(try await TokenMint.token(request, key: key))
        } catch let failure as TokenMint.Failure {
            throw ValidationError(failure.description)
        }
    }
}
