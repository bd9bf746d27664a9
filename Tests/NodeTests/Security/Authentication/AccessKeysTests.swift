import Foundation
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// The keys of Web PubSub's clients and callers.
@Suite
struct AccessKeysTests {
    @Test(
        arguments: [
            ("", nil), ("\n\n", nil), ("short", nil), (PubSubToken.key, 1), ("  \(PubSubToken.key)\t\r\n", 1),
            ("\(PubSubToken.key)\n\(PubSubToken.secondaryKey)\n", 2),
            ("\(PubSubToken.key)\n\(PubSubToken.secondaryKey)\n\(PubSubToken.key)3", nil),
            ("\(PubSubToken.key)\nshort", nil), ("\(PubSubToken.key);", nil),
            (#"{"keys":[{"kty":"oct","k":"0123456789abcdef0123456789abcdef"}]}"#, nil),
            ("-----BEGIN PUBLIC KEY-----0123456789abcdef0123456789abcdef", nil),
        ] as [(String, Int?)]
    )
    func `A file has one or two keys`(text: String, count: Int?) {
        #expect(AccessKeys.parse(Data(text.utf8))?.count == count)
    }

    @Test func `Tokens of both keys are valid, until the file changes`() async throws {
        let file = try TemporaryFile("\(PubSubToken.key)\n\(PubSubToken.secondaryKey)")
        let keys = try #require(
            try ConfigurationLoader(flags: [.accessKeys: file.path], environment: [:], file: nil).load().access.accessKeys
        )
        #expect(keys.primary.text == UTF8Text(PubSubToken.key))
        let tokens = try [PubSubToken.key, PubSubToken.secondaryKey].map { try PubSubToken.make(key: $0) }
        for token in tokens { _ = try await keys.claims(of: token) }
        // What the node signs is valid as well.
        _ = try await keys.claims(of: keys.token(.object([])))
        try file.write(PubSubToken.secondaryKey)
        keys.file?.reload(logger: .quiet)
        _ = try await keys.claims(of: tokens[1])
        await #expect(throws: TokenError.signature) { _ = try await keys.claims(of: tokens[0]) }
        try file.write("bad")
        keys.file?.reload(logger: .quiet)
        _ = try await keys.claims(of: tokens[1])
    }

    @Test func `A configuration does not show its keys`() throws {
        let file = try TemporaryFile(PubSubToken.secondaryKey)
        let flags: [ConfigurationOption: String] = [.accessKey: PubSubToken.key, .accessKeys: file.path]
        var dumped = ""
        dump(try ConfigurationLoader(flags: flags, environment: [:], file: nil).load(), to: &dumped)
        #expect(!dumped.contains("0123456789"))
        let error = #expect(throws: ConfigurationError.self) {
            try ConfigurationLoader(flags: [.accessKey: "hunter2"], environment: [:], file: nil).load()
        }
        #expect(error?.value == nil && error?.allowed == AccessKey.rule)
    }

    @Test func `With an access key alone, everything else is closed`() async throws {
        try await APITestNode.with([.accessKey: PubSubToken.key]) { node in
            for path in ["/ws", "/echo"] {
                await #expect(throws: TestClient.Failure.self) { _ = try await node.open(path) }
            }
            for (method, path) in [("GET", "/api/connections"), ("POST", "/api/connections/broadcast"), ("GET", "/metrics")] {
                #expect(try await node.http.request(method, path, body: method == "POST" ? "{}" : nil).status == 401)
            }
            #expect(try await node.http.request("GET", "/readyz").status == 200)
            _ = try await PubSubClient.connect(node).connected()
        }
    }

    @Test func `A key of another kind opens no endpoint of Web PubSub`() async throws {
        let secret = try TemporaryFile(PubSubToken.key)
        for options in [[.jwtKey: secret.path], [.apiKey: PubSubNode.apiKey]] as [[ConfigurationOption: String]] {
            try await APITestNode.with(options) { node in
                await #expect(throws: (any Error).self) { _ = try await PubSubClient.connect(node) }
            }
        }
    }

    @Test func `An access key protects an address that other machines reach`() throws {
        let configuration = try ConfigurationLoader(
            flags: [.host: "0.0.0.0", .accessKey: PubSubToken.key],
            environment: [:],
            file: nil
        ).load()
        #expect(configuration.clientMessages == .off && configuration.announcementsPerSecond == nil)
    }

    @Test func `The program's URLs and connection strings are valid`() async throws {
        let issuer = try PubSubIssuer(endpoint: "https://Push.example:8443/", key: nil, file: Data(PubSubToken.key.utf8))
        #expect(
            issuer.connectionString
                == "Endpoint=https://Push.example:8443;AccessKey=\(PubSubToken.key);Version=1.0;"
        )
        let url = try await issuer.clientURL(
            hub: "Chat",
            user: "ann",
            roles: ["webpubsub.sendToGroup"],
            groups: ["g"],
            expiresIn: "90s"
        )
        let prefix = "wss://Push.example:8443/client/hubs/chat?access_token="
        #expect(url.hasPrefix(prefix))
        let keys = try #require(AccessKeys(key: AccessKey(UTF8Text(PubSubToken.key)), file: nil))
        let claims = try await keys.claims(of: String(url.dropFirst(prefix.count)))
        let client = try claims.client(
            of: "chat",
            hosts: ["push.example:8443"],
            now: Int64(Date().timeIntervalSince1970 * 1000)
        )
        #expect(client.user?.text == "ann" && client.groups.map(\.text) == ["g"])
        for (endpoint, key, hub, life) in [
            ("localhost", PubSubToken.key, "chat", "1h"), ("http://h", "short", "chat", "1h"),
            ("http://h", PubSubToken.key, "1", "1h"), ("http://h", PubSubToken.key, "chat", "x"),
        ] {
            await #expect(throws: TokenIssuer.Failure.self) {
                let issuer = try PubSubIssuer(endpoint: endpoint, key: key, file: nil)
                _ = try await issuer.clientURL(hub: hub, user: nil, roles: [], groups: [], expiresIn: life)
            }
        }
    }
}
