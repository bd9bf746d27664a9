import Foundation
import JWTKit
import Logging
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Tokens with the claims that identity providers document, with made-up values. `NOW` stands for the present in seconds since 1970.
@Suite(.serialized)
struct IdentityProviderTests {
    struct Provider: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var options: [ConfigurationOption: String] = [:]
        let claims: String
        let user: String
        var groups: [String] = []
        var leftOut = 0
        /// What a REST call with the token may do.
        var permissions: Set<Permission> = []
    }

    private static func identifiers(_ count: Int) -> [String] {
        (0..<count).map { "8f4d2c1e-0b3a-4c5d-9e6f-\(String($0 + 0x1000_0000_0000, radix: 16))" }
    }

    private static func list(_ texts: [String]) -> String { "[\(texts.map { "\"\($0)\"" }.joined(separator: ","))]" }

    static let providers: [Provider] = [
        Provider(
            testDescription: "Auth0, with permissions of its access control",
            options: [.jwtAudience: "https://push.example.org/api", .jwtIssuer: "https://example.eu.auth0.com/"],
            claims: #"""
                {"iss":"https://example.eu.auth0.com/","sub":"auth0|65a1f0c2b7d94e0012ab34cd","azp":"Zk3pQw8vN1",
                "aud":["https://push.example.org/api","https://example.eu.auth0.com/userinfo"],"iat":NOW,"exp":EXP,
                "scope":"openid profile read","permissions":["send","delete:things"]}
                """#,
            user: "auth0|65a1f0c2b7d94e0012ab34cd",
            permissions: [.read, .send]
        ),
        Provider(
            testDescription: "Auth0, with a claim of its own for groups",
            options: [.jwtAudience: "https://push.example.org/api", .jwtGroupsClaim: "https://example.org/groups"],
            claims: #"""
                {"iss":"https://example.eu.auth0.com/","sub":"google-oauth2|104857600","aud":"https://push.example.org/api","iat":NOW,
                "exp":EXP,"https://example.org/groups":["Night Shift","équipe"],"groups":["not these"]}
                """#,
            user: "google-oauth2|104857600",
            groups: ["Night Shift", "équipe"]
        ),
        Provider(
            testDescription: "Google",
            options: [.jwtAudience: "407408718192.apps.googleusercontent.com", .jwtUserClaim: "email"],
            claims: #"""
                {"iss":"https://accounts.google.com","azp":"407408718192.apps.googleusercontent.com",
                "aud":"407408718192.apps.googleusercontent.com","sub":"110169484474386276334","hd":"example.org",
                "email":"zoë.o'neil@example.org","email_verified":true,"iat":NOW,"exp":EXP}
                """#,
            user: "zoë.o'neil@example.org"
        ),
        Provider(
            testDescription: "Keycloak, groups with their paths",
            options: [.jwtAudience: "push"],
            claims: #"""
                {"exp":EXP,"iat":NOW,"auth_time":NOW,"jti":"onrtac:3f","iss":"https://id.example.org/realms/shop","aud":["push","account"],
                "sub":"f3a1b2c4-5d6e-4f70-8192-a3b4c5d6e7f8","typ":"Bearer","azp":"web","sid":"9c1e","acr":"1",
                "realm_access":{"roles":["offline_access","uma_authorization"]},"resource_access":{"account":{"roles":["view-profile"]}},
                "scope":"openid email read","email_verified":true,"preferred_username":"zoe","groups":["/staff","/staff/night shift"]}
                """#,
            user: "f3a1b2c4-5d6e-4f70-8192-a3b4c5d6e7f8",
            groups: ["/staff", "/staff/night shift"],
            permissions: [.read]
        ),
        Provider(
            testDescription: "Keycloak, roles of a realm and of a client, by pointers",
            options: [
                .jwtAudience: "account", .jwtUserClaim: "preferred_username", .jwtGroupsClaim: "/realm_access/roles",
                .jwtPermissionsClaim: "/resource_access/push~1api/roles",
            ],
            claims: #"""
                {"exp":EXP,"iat":NOW,"iss":"https://id.example.org/realms/shop","aud":"account","sub":"f3a1b2c4","typ":"Bearer",
                "realm_access":{"roles":["default-roles-shop","night shift"]},
                "resource_access":{"push/api":{"roles":["manage"]},"account":{"roles":["read"]}},"scope":"openid send",
                "preferred_username":"zoe müller"}
                """#,
            user: "zoe müller",
            groups: ["default-roles-shop", "night shift"],
            permissions: [.manage]
        ),
        Provider(
            testDescription: "Entra ID, delegated: scp is a text",
            options: [.jwtAudience: "6e74172b-be56-4843-9ff4-e66a39bb12e3"],
            claims: #"""
                {"aud":"6e74172b-be56-4843-9ff4-e66a39bb12e3","iss":"https://login.microsoftonline.com/72f988bf/v2.0","iat":NOW,"nbf":NOW,
                "exp":EXP,"aio":"AXQAi/8IAAAA","azp":"1a2b","azpacr":"0","name":"Zoe Müller","oid":"690222be-ff1a-4d56-abd1-7e4f7d38e474",
                "rh":"I","scp":"read access_as_user","sub":"HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ","tid":"72f988bf","uti":"fqiBqXLPj0eQa8",
                "ver":"2.0","groups":["f3a1b2c4-5d6e-4f70-8192-a3b4c5d6e7f8","Domain Users"]}
                """#,
            user: "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
            groups: ["Domain Users", "f3a1b2c4-5d6e-4f70-8192-a3b4c5d6e7f8"],
            permissions: [.read]
        ),
        Provider(
            testDescription: "Entra ID, an application: roles are a list",
            options: [.jwtAudience: "api://push", .jwtUserClaim: "oid"],
            claims: #"""
                {"aud":"api://push","iss":"https://sts.windows.net/72f988bf/","iat":NOW,"nbf":NOW,"exp":EXP,"appid":"1a2b","appidacr":"1",
                "idtyp":"app","oid":"690222be-ff1a-4d56-abd1-7e4f7d38e474","roles":["send","manage"],"sub":"690222be","tid":"72f988bf",
                "ver":"1.0"}
                """#,
            user: "690222be-ff1a-4d56-abd1-7e4f7d38e474",
            permissions: [.send, .manage]
        ),
        Provider(
            testDescription: "Entra ID, with as many groups as it lists",
            options: [.jwtAudience: "api://push"],
            claims: #"""
                {"aud":"api://push","iss":"https://login.microsoftonline.com/72f988bf/v2.0","iat":NOW,"nbf":NOW,"exp":EXP,"sub":"HKZpfaHy",
                "groups":\#(Self.list(Self.identifiers(200))),"ver":"2.0"}
                """#,
            user: "HKZpfaHy",
            groups: Array(Self.identifiers(200).prefix(64)),
            leftOut: 136
        ),
        Provider(
            testDescription: "Entra ID, with more groups than it lists",
            options: [.jwtAudience: "api://push"],
            claims: #"""
                {"aud":"api://push","iss":"https://login.microsoftonline.com/72f988bf/v2.0","iat":NOW,"nbf":NOW,"exp":EXP,"sub":"HKZpfaHy",
                "_claim_names":{"groups":"src1"},"_claim_sources":{"src1":{"endpoint":"https://graph.example.org/getMemberObjects"}}}
                """#,
            user: "HKZpfaHy"
        ),
        Provider(
            testDescription: "Okta: scp is a list",
            options: [.jwtAudience: "api://default", .jwtIssuer: "https://example.okta.com/oauth2/default"],
            claims: #"""
                {"ver":1,"jti":"AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE","iss":"https://example.okta.com/oauth2/default",
                "aud":"api://default","iat":NOW,"exp":EXP,"cid":"0oabv6kx4qq6","uid":"00ujmkLgagxeRrAg20g3","scp":["openid","read","send"],
                "sub":"zoe@example.org","groups":["Everyone","Support – Tier 2"]}
                """#,
            user: "zoe@example.org",
            groups: ["Everyone", "Support – Tier 2"],
            permissions: [.read, .send]
        ),
        Provider(
            testDescription: "Cognito, an access token: no aud, and groups under a name of its own",
            options: [
                .jwtIssuer: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab12", .jwtGroupsClaim: "cognito:groups",
            ],
            claims: #"""
                {"sub":"aaaaaaaa-bbbb-cccc-dddd-example","device_key":"aaaa","cognito:groups":["admin","eu-central-1_Ab12_Google"],
                "iss":"https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab12","version":2,"client_id":"57cbishk4j24",
                "token_use":"access","scope":"push/read aws.cognito.signin.user.admin","auth_time":NOW,"exp":EXP,"iat":NOW,
                "jti":"cccc","username":"zoe"}
                """#,
            user: "aaaaaaaa-bbbb-cccc-dddd-example",
            groups: ["admin", "eu-central-1_Ab12_Google"]
        ),
        Provider(
            testDescription: "GitHub Actions",
            options: [.jwtAudience: "https://github.com/octo-org", .jwtIssuer: "https://token.actions.githubusercontent.com"],
            claims: #"""
                {"jti":"0a1b","sub":"repo:octo-org/octo-repo:environment:Production","aud":"https://github.com/octo-org",
                "ref":"refs/heads/main","repository":"octo-org/octo-repo","run_attempt":"2","runner_environment":"github-hosted",
                "iss":"https://token.actions.githubusercontent.com","nbf":NOW,"exp":EXP,"iat":NOW}
                """#,
            user: "repo:octo-org/octo-repo:environment:Production"
        ),
        Provider(
            testDescription: "SPIFFE",
            options: [.jwtAudience: "spiffe://example.org/push"],
            claims: #"""
                {"aud":["spiffe://example.org/push"],"exp":EXP,"iat":NOW,"sub":"spiffe://example.org/ns/default/sa/web"}
                """#,
            user: "spiffe://example.org/ns/default/sa/web"
        ),
        Provider(
            testDescription: "a library that writes times with a point, permissions as a text, and one group as a text",
            claims: #"{"sub":"zoe","exp":EXP.0,"nbf":NOW.0,"iat":NOW.25,"permissions":"read send","groups":"Domain Users"}"#,
            user: "zoe",
            groups: ["Domain Users"],
            permissions: [.read, .send]
        ),
    ]

    @Test(
        arguments: Self.providers
    )
    func `A client that has one is the user, and in the groups, that it says; and REST lets it do what it may`(
        _ provider: Provider
    ) async throws {
        let now = Int(Date().timeIntervalSince1970)
        let claims = provider.claims.replacing("EXP", with: "\(now + 3600)").replacing("NOW", with: "\(now)")
        let token = TestKeys.sign(json: claims)
        let file = try TemporaryFile(TestKeys.secret)
        let options = provider.options.merging([.jwtKey: file.path, .apiKey: "correct-horse-battery"]) { $1 }
        try await APITestNode.with(options) { node in
            let bearer = ["Authorization": "Bearer \(token)"]
            let client = try await WebSocketTestClient.connect(port: node.port, options: .init(headers: bearer))
            var listed: [String: Any]?
            _ = try await eventually {
                let query = "user=\(AwkwardNames.percentEncoded(provider.user))"
                let headers = ["Authorization": "Bearer correct-horse-battery"]
                let answer = try await node.http.request("GET", "/api/connections?\(query)", headers: headers)
                listed = (answer.json["connections"] as? [[String: Any]])?.first
                return listed != nil
            }
            #expect(listed?["user"] as? String == provider.user)
            #expect(Set(listed?["groups"] as? [String] ?? []) == Set(provider.groups))
            for (permission, method, path) in [
                (Permission.read, "GET", "/api/nodes"), (.send, "POST", "/api/connections/broadcast"),
                (.manage, "DELETE", "/api/connections/x"),
            ] {
                let body = permission == .send ? #"{"message":"x"}"# : nil
                let answer = try await node.http.request(method, path, headers: bearer, body: body)
                #expect((answer.status != 403) == provider.permissions.contains(permission), "\(permission)")
            }
            let metrics = try await node.http.request(
                "GET",
                "/metrics",
                headers: ["Authorization": "Bearer correct-horse-battery"]
            )
            #expect(metrics.body.contains("\nvolary_token_groups_left_out_total \(provider.leftOut)\n"))
            try await client.close()
        }
        withExtendedLifetime(file) {}
    }

    @Test
    func `A proxy's Basic credentials beside a token elsewhere are the proxy's, and alone they are none`() async throws {
        let file = try TemporaryFile(TestKeys.secret)
        let token = TestKeys.sign(json: #"{"sub":"zoe","exp":\#(Int(Date().timeIntervalSince1970) + 60)}"#)
        let basic = ["Authorization": "Basic cHJveHk6c2VjcmV0"]
        try await APITestNode.with([.jwtKey: file.path]) { node in
            let query = try await WebSocketTestClient.connect(
                port: node.port,
                path: "/ws?access_token=\(token)",
                options: .init(headers: basic)
            )
            let entry = try await WebSocketTestClient.connect(
                port: node.port,
                options: .init(subprotocols: ["volary", "volary.token.\(token)"], headers: basic)
            )
            withExtendedLifetime((query, entry)) {}
            let rest = try await node.http.request("GET", "/api/nodes", headers: basic)
            #expect((rest.status, rest[header: "www-authenticate"]) == (401, "Bearer"))
        }
        try await APITestNode.with([.jwtKey: file.path, .anonymousClients: "on"]) { node in
            _ = try await WebSocketTestClient.connect(port: node.port, options: .init(headers: basic))
        }
        withExtendedLifetime(file) {}
    }

    // MARK: - Key sets

    private static func entry(_ key: ES256PrivateKey, _ more: String) throws -> String {
        let (x, y) = try #require(key.publicKey.parameters)
        func url(_ text: String) -> String { text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "") }
        return #"{"kty":"EC","crv":"P-256","x":"\#(url(x))","y":"\#(url(y))"\#(more)}"#
    }

    @Test(
        arguments: [
            (#"{"kid":"x"}"#, "the key type is missing (kty)"), (#"{"kty":7}"#, "kty is a number"),
            ("7", "a number, not an object"),
            (#"{"kty":"oct","k":"AA"}"#, "neither RSA nor EC (kty)"),
            (#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#, "neither RSA nor EC (kty)"),
            (#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, "n and e are not an RSA key of 2048 bits or more"),
            (
                #"{"kty":"RSA","n":"\#(String(repeating: "x", count: 171))","e":"AQAB"}"#,
                "n and e are not an RSA key of 2048 bits or more"
            ),
            (#"{"kty":"RSA","x5c":["MIIC"]}"#, "n and e are not an RSA key of 2048 bits or more"),
            (#"{"kty":"RSA","alg":"RS512","n":"AQAB","e":"AQAB"}"#, "RS256 is the only supported algorithm for RSA (alg)"),
            (#"{"kty":"RSA","alg":"RSA-OAEP","use":"enc","n":"AQAB","e":"AQAB"}"#, "not for signatures (use)"),
            (#"{"kty":"RSA","key_ops":["encrypt"],"n":"AQAB","e":"AQAB"}"#, "not for verifying signatures (key_ops)"),
            (#"{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}"#, "P-256 with ES256 is the only supported curve (crv, alg)"),
            (#"{"kty":"EC","crv":"P-256","x":"!","y":"!"}"#, "x and y are not a point on P-256"),
            (#"{"kty":"EC","crv":"P-256","kid":7,"x":"AA","y":"AA"}"#, "kid is a number"),
        ]
    )
    func `One key of a set that cannot be used leaves the others, and is named in the log`(
        entry: String,
        reason: String
    ) async throws {
        let key = ES256PrivateKey()
        // Without an id, and one as SPIFFE has it.
        for more in [
            "", #","kid":"good","use":"sig","alg":"ES256","x5c":["MIIC"],"x5t":"AA""#, #","kid":"good","use":"jwt-svid""#,
        ] {
            let file = #"{"spiffe_sequence":1,"keys":[\#(entry),\#(try Self.entry(key, more))]}"#
            let content = try #require(TokenKeySet.parse(Data(file.utf8)))
            #expect(content.keys.count == 1)
            #expect(content.unusable.map(\.reason) == [reason] && content.unusable.map(\.number) == [1])
            let signer = await JWTKeyCollection().add(ecdsa: key)
            let token = try await signer.sign(TestClaims(sub: "zoe", exp: 100), header: more.isEmpty ? [:] : ["kid": "good"])
            let verifier = try TestKeys.verifier(content.keys)
            #expect(try await verifier.verify(token).user == AudienceName("zoe"))
        }
        let alone = Data(#"{"keys":[\#(entry)]}"#.utf8)
        #expect(TokenKeySet.parse(alone) == nil)
        let name = entry.contains(#""kid":"x""#) ? "x" : "number 1"
        #expect(TokenKeySet.problem(of: alone) == "key \(name): \(reason)")
    }

    @Test func `A set without a key that can be used stops the start, which names its first keys and says why`() throws {
        let entries =
            [#"{"kid":"old","kty":"oct"}"#, #"{"kid":7,"kty":"RSA"}"#] + Array(repeating: #"{"kty":"RSA","use":"enc"}"#, count: 9)
        let file = try TemporaryFile(#"{"keys":[\#(entries.joined(separator: ","))]}"#)
        let error = #expect(throws: ConfigurationError.self) {
            try ConfigurationLoader(flags: [.jwks: file.path], environment: [:], file: nil).load()
        }
        #expect(
            error?.allowed
                == "\(TokenKeySet.rule); key old: neither RSA nor EC (kty); key number 2: kid is a number; "
                + "key number 3: not for signatures (use); and 8 more"
        )
        for text in ["{}", #"{"keys":[]}"#, "x"] { #expect(TokenKeySet.problem(of: Data(text.utf8)) == nil) }
    }

    @Test
    func `Of many keys the one that the token names is found, and of those without an id the first sixteen are tried`()
        async throws
    {
        let keys = (0..<40).map { _ in ES256PrivateKey() }
        func content(_ more: (Int) -> String) throws -> [TokenKey] {
            let entries = try keys.enumerated().map { try Self.entry($1, more($0)) }
            return try #require(TokenKeySet.parse(Data(#"{"keys":[\#(entries.joined(separator: ","))]}"#.utf8))).keys
        }
        func isTaken(_ number: Int, id: String?, by keys: [TokenKey], of all: [ES256PrivateKey]) async throws -> Bool {
            let signer = await JWTKeyCollection().add(ecdsa: all[number])
            let token = try await signer.sign(TestClaims(sub: "zoe", exp: 100), header: id.map { ["kid": .string($0)] } ?? [:])
            return (try? await TestKeys.verifier(keys).verify(token)) != nil
        }
        let named = try content { #","kid":"k\#($0)""# }
        for number in [0, 16, 17, 39] { #expect(try await isTaken(number, id: "k\(number)", by: named, of: keys)) }
        #expect(try await !isTaken(3, id: "k4", by: named, of: keys))
        let nameless = try content { _ in "" }
        #expect(try await isTaken(15, id: "any", by: nameless, of: keys))
        #expect(try await !isTaken(16, id: nil, by: nameless, of: keys))
        // One that is named comes before all that are not.
        let mixed = try content { $0 == 39 ? #","kid":"last""# : "" }
        #expect(try await isTaken(39, id: "last", by: mixed, of: keys))
    }

    @Test
    func `Keys that are not used are told when the node starts, and when the file is read again; no part of a key is`()
        async throws
    {
        let good = try Self.entry(ES256PrivateKey(), #","kid":"good""#)
        let file = try TemporaryFile(#"{"keys":[{"kid":"broken","n":"SECRET"},\#(good)]}"#)
        let configuration = try ConfigurationLoader(flags: [.jwks: file.path], environment: [:], file: nil).load()
        let log = RecordingLog()
        configuration.access.logUnusableKeys(logger: log.logger)
        #expect(
            log.lines == [
                "Key of the key set not used: volary.key=broken volary.option=jwks volary.reason=the key type is missing (kty)"
            ]
        )
        try file.write(#"{"keys":[\#(good),{"kty":"oct"}]}"#)
        for reload in configuration.access.reloads { reload(log.logger) }
        #expect(log.lines.count == 3 && log.lines.last?.contains("volary.key=number 2") == true)
    }
}

/// A log of which the lines are kept: message and metadata, by key.
private struct RecordingLog {
    private struct Handler: LogHandler {
        let box: NIOLockedValueBox<[String]>
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        init(_ box: NIOLockedValueBox<[String]>) {
            self.box = box
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            self.box.withLockedValue { $0.append("\(event.message): \(metadata.joined(separator: " "))") }
        }
    }

    private let box = NIOLockedValueBox<[String]>([])

    var lines: [String] { self.box.withLockedValue { $0 } }
    var logger: Logger { Logger(label: "test") { [box] _ in Handler(box) } }
}
