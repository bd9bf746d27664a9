public import Foundation
import VolaryProtocol

/// What clients and services of Web PubSub need, for `volary token --hub` and `volary connection-string`.
public struct PubSubIssuer: Sendable {
    private let connection: ConnectionString

    /// - Parameters:
    ///   - endpoint: URL of the cluster, such as `http://localhost:8080`.
    ///   - key: the key of `--access-key`; nil: the first key of the file.
    ///   - file: content of the file of `--access-keys`.
    public init(endpoint: String, key: String?, file: Data?) throws(TokenIssuer.Failure) {
        let accessKey: AccessKey
        if let key {
            guard let given = AccessKey(UTF8Text(key)) else {
                throw TokenIssuer.Failure(description: "--access-key or VOLARY_ACCESS_KEY \(AccessKey.rule)")
            }
            accessKey = given
        } else {
            guard let first = file.flatMap(AccessKeys.parse)?.first else {
                throw TokenIssuer.Failure(description: "--access-keys or VOLARY_ACCESS_KEYS \(AccessKeys.fileRule)")
            }
            accessKey = first.key
        }
        guard let connection = ConnectionString(endpoint: UTF8Text(endpoint), accessKey: accessKey) else {
            throw TokenIssuer.Failure(description: "--endpoint must be a URL such as http://localhost:8080")
        }
        self.connection = connection
    }

    /// What the service libraries take. Reveals the key.
    public var connectionString: String { self.connection.text }

    /// A URL with a token, with which one client may connect.
    /// - Parameters:
    ///   - user: nil: anonymous.
    ///   - expiresIn: such as `1h`; rounded up to minutes.
    ///   - now: start of the token's lifetime.
    public func clientURL(
        hub: String,
        user: String?,
        roles: [String],
        groups: [String],
        expiresIn: String,
        now: Date = Date()
    ) async throws -> String {
        guard let hub = HubName(hub) else { throw TokenIssuer.Failure(description: "--hub \(HubName.rule)") }
        guard let life = DurationText.parse(expiresIn), life > .zero else {
            throw TokenIssuer.Failure(description: "--expires-in must be a duration such as 10m or 1h")
        }
        let minutes = (life.milliseconds + 59_999) / 60_000
        let request = ClientTokenRequest(
            userID: user.map { UTF8Text($0) },
            roles: roles.map { UTF8Text($0) },
            groups: groups.map { UTF8Text($0) },
            minutesToExpire: UTF8Text("\(minutes)")
        )
        guard let request else {
            throw TokenIssuer.Failure(
                description: "--user, --role or --group has a name that is not valid, or --expires-in is too long"
            )
        }
        let endpoint = self.connection.endpoint.string
        let host = endpoint.drop { $0 != ":" }.dropFirst(3).prefix { $0 != "/" }
        let claims = request.claims(
            hub: UTF8Text(hub.text),
            host: UTF8Text(String(host)),
            now: Int64(now.timeIntervalSince1970 * 1000)
        )
        let token = try await TokenIssuer.sign(JSONBody.encode(claims), with: self.connection.accessKey)
        let scheme = endpoint.begins("https:") ? "wss" : "ws"
        return "\(scheme)\(endpoint.drop { $0 != ":" })/client/hubs/\(hub.text)?access_token=\(token)"
    }
}
