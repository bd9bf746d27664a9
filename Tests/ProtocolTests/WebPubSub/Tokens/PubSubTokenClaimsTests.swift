import NIOCore
import Testing

@testable import VolaryProtocol

/// Claims of tokens with a valid signature.
@Suite
struct PubSubTokenClaimsTests {
    private static let now: Int64 = 1_781_330_400_000
    private static let second = Self.now / 1000
    private static let audience = #""aud":"https://example/client/hubs/chat""#
    private static let expiry = #""exp":\#(second + 60)"#

    private static func claims(_ members: String...) throws -> PubSubTokenClaims {
        PubSubTokenClaims(try JSONValue(parsing: ByteBuffer(string: "{\(members.joined(separator: ","))}")))
    }

    private static func client(_ members: String...) throws -> PubSubTokenClaims.Client {
        try self.claims(self.audience, self.expiry, members.isEmpty ? #""x":0"# : members.joined(separator: ","))
            .client(of: "chat", hosts: ["example"], now: self.now)
    }

    private static func fault(_ members: String...) throws -> PubSubTokenFault? {
        let claims = try self.claims(members.joined(separator: ","))
        do throws(PubSubTokenFault) {
            _ = try claims.client(of: "chat", hosts: ["example"], now: self.now)
            return nil
        } catch {
            return error
        }
    }

    // MARK: - Clients

    @Test func `A token without further claims is of an anonymous client without permissions`() throws {
        let client = try Self.client()
        #expect(client.user == nil && client.groups.isEmpty && client.permissions == .none)
        #expect(try Self.client(#""iat":1,"iss":"https://webpubsub.azure.com","jti":[],"custom":{}"#) == client)
    }

    @Test func `User, groups and roles are those of the token`() throws {
        let client = try Self.client(
            #""sub":"ann","webpubsub.group":["a","b","a"],"role":["webpubsub.sendToGroup.a","x",7]"#
        )
        #expect(client.user == AudienceName("ann") && client.groups == [PubSub.group("a"), PubSub.group("b")])
        #expect(client.permissions == PubSub.permissions("webpubsub.sendToGroup.a"))
    }

    @Test func `Groups and roles may be one string`() throws {
        let client = try Self.client(#""webpubsub.group":"a b","role":"webpubsub.joinLeaveGroup""#)
        #expect(client.groups == [PubSub.group("a b")] && client.permissions == PubSub.permissions("webpubsub.joinLeaveGroup"))
    }

    @Test func `An empty user is none, and null is no claim`() throws {
        #expect(try Self.client(#""sub":"""#).user == nil)
        #expect(try Self.client(#""sub":null,"role":null,"webpubsub.group":null,"nbf":null"#) == Self.client())
    }

    @Test(arguments: [
        (#""webpubsub.group":["a",""]"#, "webpubsub.group"), (#""webpubsub.group":" ""#, "webpubsub.group"),
        (#""role":"webpubsub.sendToGroup.""#, "role"), (#""sub":"\u0000""#, "sub"),
        (#""sub":"\#(String(repeating: "x", count: 1025))""#, "sub"),
    ])
    func `Invalid names are told apart from tokens that are not valid`(member: String, claim: String) throws {
        #expect(try Self.fault(Self.audience, Self.expiry, member) == .invalidName(claim: claim))
    }

    @Test(arguments: [(#""sub":7"#, "sub"), (#""role":{}"#, "role"), (#""webpubsub.group":true"#, "webpubsub.group")])
    func `A claim of another kind makes a token invalid`(member: String, claim: String) throws {
        #expect(try Self.fault(Self.audience, Self.expiry, member) == .claim(claim))
    }

    // MARK: - Times

    @Test(
        arguments: [
            (#""exp":\#(second - 299)"#, nil), (#""exp":\#(second - 300)"#, .expired), (#""exp":0"#, .expired),
            (#""exp":253402300799.5"#, nil), (#""x":0"#, .claim("exp")), (#""exp":"\#(second + 60)""#, .claim("exp")),
            (#""exp":-1"#, .claim("exp")), (#""exp":1e300"#, .claim("exp")), (#""exp":1e999"#, .claim("exp")),
            (#""exp":\#(second + 60),"nbf":\#(second + 300)"#, nil),
            (#""exp":\#(second + 60),"nbf":\#(second + 301)"#, .notYetValid),
            (#""exp":\#(second + 60),"nbf":"x""#, .claim("nbf")),
        ] as [(String, PubSubTokenFault?)]
    )
    func `Times have five minutes of tolerance`(times: String, fault: PubSubTokenFault?) throws {
        #expect(try Self.fault(Self.audience, times) == fault)
    }

    // MARK: - Audience

    @Test(
        arguments: [
            (audience, nil), (#""aud":["x","wss://example/client/hubs/chat"]"#, nil), (#""x":0"#, .audience),
            (#""aud":[]"#, .audience),
            (#""aud":"https://example/client/hubs/other""#, .audience), (#""aud":"https://other/client/hubs/chat""#, .audience),
            (#""aud":[7]"#, .audience), (#""aud":7"#, .claim("aud")),
        ] as [(String, PubSubTokenFault?)]
    )
    func `One audience is the URL of the hub`(audience: String, fault: PubSubTokenFault?) throws {
        #expect(try Self.fault(audience, Self.expiry) == fault)
    }

    @Test func `A token of REST has times and the URL of its request`() throws {
        let claims = try Self.claims(#""aud":"http://example/api/hubs/chat/:send?x=1""#, Self.expiry)
        try claims.checkRequest(path: "/api/hubs/chat/:send", hosts: ["example"], now: Self.now)
        #expect(throws: PubSubTokenFault.audience) {
            try claims.checkRequest(path: "/api/hubs/chat/:closeConnections", hosts: ["example"], now: Self.now)
        }
        #expect(throws: PubSubTokenFault.audience) {
            try claims.checkRequest(path: "/api/hubs/chat/:send", hosts: ["other"], now: Self.now)
        }
        #expect(throws: PubSubTokenFault.expired) {
            try claims.checkRequest(path: "/api/hubs/chat/:send", hosts: ["example"], now: Self.now + 1_000_000)
        }
        #expect(throws: PubSubTokenFault.audience) {
            try Self.claims(Self.audience, Self.expiry).checkRequest(path: "/api/hubs/chat", hosts: ["example"], now: Self.now)
        }
    }

    // MARK: - Tokens of the node

    @Test func `A token that the node makes opens its hub`() throws {
        let request = ClientTokenRequest(
            userID: "ann",
            roles: ["webpubsub.sendToGroup"],
            groups: ["a", "b"],
            minutesToExpire: "1",
            clientType: "default"
        )!
        let claims = PubSubTokenClaims(request.claims(hub: "chat", host: "example:8080", now: Self.now))
        let client = try claims.client(of: "Chat", hosts: ["example:8080"], now: Self.now + 59_000)
        #expect(client.user == AudienceName("ann") && client.groups == [PubSub.group("a"), PubSub.group("b")])
        #expect(client.permissions == PubSub.permissions("webpubsub.sendToGroup"))
        #expect(throws: PubSubTokenFault.expired) {
            try claims.client(of: "chat", hosts: ["example:8080"], now: Self.now + 360_000)
        }
    }

    @Test func `Without parameters it is an hour long, and of an anonymous client`() throws {
        for request in [ClientTokenRequest(), ClientTokenRequest(userID: "")] {
            let claims = request!.claims(hub: "chat", host: "example", now: Self.now)
            #expect(claims["exp"] == .number(Double(Self.second + 3600)))
            for name: UTF8Text in ["sub", "role", "webpubsub.group"] { #expect(claims[name] == nil) }
        }
    }

    @Test(arguments: ["0", "-1", "", "x", "1.5", "18446744073709551616", "5000001"]) func `A lifetime is 1 minute or more`(
        minutes: String
    ) {
        #expect(ClientTokenRequest(minutesToExpire: UTF8Text(minutes)) == nil)
    }

    @Test func `Other invalid parameters are refused`() {
        #expect(ClientTokenRequest(groups: ["a", ""]) == nil && ClientTokenRequest(roles: ["webpubsub.sendToGroup."]) == nil)
        #expect(ClientTokenRequest(userID: UTF8Text(String(repeating: "x", count: 1025))) == nil)
        for type: UTF8Text in ["MQTT", "SocketIO", ""] { #expect(ClientTokenRequest(clientType: type) == nil) }
    }
}
