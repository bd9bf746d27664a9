import Foundation
import NIOCore
import VolaryProtocol

/// The keys of Web PubSub's clients and REST callers: they sign their tokens with one of them. Only the services that make tokens
/// have the keys.
struct AccessKeys: Sendable {
    /// A key, and the library's form of it.
    struct Key: Sendable {
        let key: AccessKey
        fileprivate let verifying: TokenKey

        init(_ key: AccessKey) {
            self.key = key
            self.verifying = TokenKey(secret: Array(key.text.utf8))
        }
    }

    /// The key of `--access-key`.
    let key: Key?
    /// The keys of `--access-keys`: the primary one, and perhaps a secondary one.
    let file: ReloadableFile<[Key]>?
    /// The names of `--public-hosts`, with their ports; nil: those of `Host`.
    let publicHosts: [UTF8Text]?

    /// - Returns: nil without keys.
    init?(key: AccessKey?, file: ReloadableFile<[Key]>?, publicHosts: [UTF8Text]? = nil) {
        guard key != nil || file != nil else { return nil }
        self.key = key.map { Key($0) }
        self.file = file
        self.publicHosts = publicHosts
    }

    /// The key that signs new tokens.
    var primary: AccessKey {
        guard let key = self.all.first else { preconditionFailure("there is a key, or a file with keys") }
        return key.key
    }

    /// The key of `--access-key`, and those of the file.
    var keys: [AccessKey] { self.all.map(\.key) }

    private var all: [Key] { (self.key.map { [$0] } ?? []) + (self.file?.content ?? []) }

    /// The names of this node in tokens: of the operator, or of the request.
    /// - Parameter host: `Host` of the request, or `:authority`.
    func hosts(ofRequestTo host: String?) -> [UTF8Text] { self.publicHosts ?? host.map { [UTF8Text($0)] } ?? [] }

    /// Verifies format and signature of a token. The claims are not checked.
    func claims(of token: String) async throws(TokenError) -> PubSubTokenClaims {
        let parts = try TokenParts(token)
        guard !parts.hasExtensions else { throw .extensions }
        guard parts.algorithm == UTF8Text(TokenKey.Algorithm.hs256.rawValue) else { throw .signature }
        for key in self.all where await key.verifying.hasSigned(parts) {
            guard let claims = try? JSONValue(parsing: parts.payload), claims.kind == .object else { throw .payload }
            return PubSubTokenClaims(claims)
        }
        throw .signature
    }

    /// - Returns: a token with these claims, signed with the primary key.
    func token(_ claims: JSONValue) async throws -> String {
        try await TokenIssuer.sign(JSONBody.encode(claims), with: self.primary)
    }
}

// MARK: - The file and the options

extension AccessKeys {
    /// A primary and a secondary key.
    static let maximumCount = 2

    static let fileRule = """
        must be a file with one or two access keys, each on a line of its own; a key \(AccessKey.rule)
        """

    static let hostsRule = "names such as push.example.org,push.example.org:8443"

    /// - Returns: nil for an invalid key, for no key, and for more than ``maximumCount`` keys. JSON and PEM are no keys: a public key
    ///   given by mistake must not become a secret that everyone knows.
    static func parse(_ data: Data) -> [Key]? {
        guard let lines = KeyFileLines.of(data), !TokenKeyFile.isPEM(lines), !lines.contains(where: TokenKeyFile.isJSON) else {
            return nil
        }
        let keys = lines.compactMap { AccessKey(UTF8Text(String($0))) }
        return keys.count == lines.count && (1...self.maximumCount).contains(keys.count) ? keys.map { Key($0) } : nil
    }

    /// - Returns: nil unless all are host names or addresses, each with a port or without one.
    static func hosts(_ text: String) -> [UTF8Text]? {
        let hosts = text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            .map { Substring($0.drop { $0 == UInt8(ascii: " ") }) }
        return hosts.allSatisfy { Origin("https://\($0)") != nil } ? hosts.map { UTF8Text(String($0)) } : nil
    }
}

/// Does not reveal the keys.
extension AccessKeys: CustomReflectable {
    var customMirror: Mirror { Mirror(self, children: [:]) }
}
