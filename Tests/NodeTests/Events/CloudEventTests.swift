import Foundation
import NIOCore
import NIOHTTP1
import Testing
import VolaryProtocol

@testable import VolaryNode

/// The requests to event handlers, and what their answers mean.
@Suite
struct CloudEventTests {
    private static func sender(user: String? = nil, subprotocol: String? = nil, state: String? = nil) throws -> CloudEvent.Sender
    {
        CloudEvent.Sender(
            id: try #require(ConnectionID("0123456789abcdef0123456789abcdef")),
            hub: "Chat",
            user: try user.map { try #require(AudienceName($0)) },
            subprotocol: subprotocol,
            state: state
        )
    }

    private static func fields(_ event: CloudEvent) -> HTTPHeaders {
        event.fields(origin: "push.example.org", signature: "sha256=00", time: 1_796_000_000_999, requestID: "r")
    }

    @Test func `The signature is HMAC-SHA256 of the connection's id with each key`() throws {
        let keys = try ["primary-0123456789-0123456789-0123456789", "secondary-0123456789-0123456789-0123456789"].map {
            try #require(AccessKey(UTF8Text($0)))
        }
        // printf %s ID | openssl dgst -sha256 -hmac KEY
        #expect(
            EventSignature.text(of: "0123456789abcdef0123456789abcdef", keys: keys)
                == "sha256=ba97d63a761c0f5736e4f18aa15ee2a3fe204bd75d58dbeb8e3c1755aa7359bf,sha256=7caebef1443b2e5f110270b3f8a59208fb3cee1c592f9497777dce85f0a4f157"
        )
    }

    @Test func `An event of a client has all fields of the contract`() throws {
        let name = try #require(EventName("order.Placed"))
        let metadata = try #require(MessageMetadata([.init("Trace", "a 1")]))
        let event = CloudEvent(
            ClientEvent(name, TypedPayload(.json, ByteBuffer(string: #"{"a":1.50}"#)), metadata: metadata),
            from: try Self.sender(user: "ann", subprotocol: "json.webpubsub.azure.v1", state: "c3RhdGU="),
            number: 7,
            cookies: "a=1; b=2"
        )
        let expected: [(String, String)] = [
            ("Content-Type", "application/json; charset=utf-8"), ("WebHook-Request-Origin", "push.example.org"),
            ("ce-specversion", "1.0"), ("ce-awpsversion", "1.0"), ("ce-type", "azure.webpubsub.user.order.Placed"),
            ("ce-source", "/hubs/chat/client/0123456789abcdef0123456789abcdef"), ("ce-id", "7"),
            ("ce-time", "2026-11-30T00:53:20Z"), ("ce-signature", "sha256=00"),
            ("ce-connectionId", "0123456789abcdef0123456789abcdef"), ("ce-hub", "chat"), ("ce-eventName", "order.Placed"),
            ("x-ms-client-request-id", "r"), ("ce-userId", "ann"), ("ce-subprotocol", "json.webpubsub.azure.v1"),
            ("ce-connectionState", "c3RhdGU="), ("X-WebPubSub-Metadata-Trace", "a 1"), ("Cookie", "a=1; b=2"),
        ]
        #expect(Self.fields(event).map { "\($0): \($1)" } == expected.map { "\($0): \($1)" })
        #expect(event.body == ByteBuffer(string: #"{"a":1.50}"#))
    }

    @Test(arguments: [
        (TypedPayload.DataType.text, "text/plain; charset=utf-8"), (.json, "application/json; charset=utf-8"),
        (.binary, "application/octet-stream"), (.protobuf, "application/x-protobuf"),
    ])
    func `The content type follows the type of the data`(type: TypedPayload.DataType, expected: String) throws {
        let event = ClientEvent(.message, TypedPayload(type, ByteBuffer(bytes: [1])))
        #expect(CloudEvent(event, from: try Self.sender(), number: 2, cookies: nil).contentType == expected)
    }

    @Test func `Events of a connection's life have bodies of their own, and no fields of what is unknown`() throws {
        let connected = CloudEvent.connected(try Self.sender(), cookies: nil)
        let ended = CloudEvent.disconnected(try Self.sender(), number: 2, reason: #"a "b" ä"#, cookies: nil)
        #expect(connected.body == ByteBuffer(string: "{}") && ended.body == ByteBuffer(string: #"{"reason":"a \"b\" ä"}"#))
        #expect(
            Self.fields(connected)["ce-type"] == ["azure.webpubsub.sys.connected"] && Self.fields(connected)["ce-id"] == ["1"]
        )
        #expect(Self.fields(ended)["ce-type"] == ["azure.webpubsub.sys.disconnected"])
        for name in ["ce-userId", "ce-subprotocol", "ce-connectionState", "Cookie"] {
            #expect(!Self.fields(connected).contains(name: name))
        }
    }

    @Test(arguments: [
        ("Jörg 🙂", "Jörg 🙂"), ("a\r\nce-hub: x", "a%0D%0Ace-hub: x"), ("a%0D", "a%0D"), ("\u{7F}\t", "%7F%09"),
    ])
    func `A user id is UTF-8, and cannot make fields of its own`(user: String, value: String) throws {
        #expect(Self.fields(CloudEvent.connected(try Self.sender(user: user), cookies: nil))["ce-userId"] == [value])
    }

    // MARK: - connect

    @Test func `The body of connect has claims, query and fields as lists, without credentials`() throws {
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/client/hubs/c?a=1&ACCESS_TOKEN=t&b=%C3%A4+x&a=2&c")
        head.headers = [
            "User-Agent": "u", "Authorization": "Bearer t", "X-A": "1", "x-a": "2", "Sec-WebSocket-Protocol": "one, two",
            "Proxy-Authorization": "p",
        ]
        let claims = try JSONValue(
            parsing: ByteBuffer(
                string: #"{"sub":"ann","exp":1764362000,"f":1.5,"role":["a","b"],"t":true,"o":{"x":[1,null]},"n":null}"#
            )
        )
        let body = ConnectEvent.body(of: head, claims: PubSubTokenClaims(claims))
        #expect(
            String(buffer: body) == #"{"claims":{"sub":["ann"],"exp":["1764362000"],"f":["1.5"],"role":["a","b"],"t":["true"],"#
                + #""o":["{\"x\":[1,null]}"],"n":["null"]},"query":{"a":["1","2"],"b":["ä x"],"c":[""]},"#
                + #""headers":{"user-agent":["u"],"x-a":["1","2"],"sec-websocket-protocol":["one, two"]},"#
                + #""subprotocols":["one","two"],"clientCertificates":[]}"#
        )
    }

    private static func answer(_ body: String, _ fields: HTTPHeaders = [:]) -> HandlerAnswer {
        HandlerAnswer(fields: fields, body: ByteBuffer(string: body))
    }

    @Test(arguments: ["", "null", "{}", #"{"groups":[],"userId":null,"subprotocol":""}"#])
    func `An answer to connect without content changes nothing`(body: String) throws {
        let answer = try ConnectAnswer(Self.answer(body))
        #expect(answer.user == nil && answer.groups == nil && answer.permissions == nil && answer.subprotocol == nil)
    }

    @Test func `An answer to connect may name the user, groups, roles and subprotocol`() throws {
        let body = #"{"userId":"","groups":["a","b"],"roles":["webpubsub.sendToGroup.a"],"subprotocol":"x","other":1}"#
        let answer = try ConnectAnswer(Self.answer(body))
        #expect(answer.user == "" && answer.subprotocol == "x" && answer.groups?.count == 2)
        let group = try #require(AudienceName("a"))
        #expect(
            answer.permissions?.allows(.sendToGroup, group) == true && answer.permissions?.allows(.joinLeaveGroup, group) == false
        )
        #expect(try ConnectAnswer(Self.answer(#"{"roles":[]}"#)).permissions == GroupPermissions.none)
    }

    @Test(arguments: [
        "x", "[]", "1", #"{"userId":1}"#, #"{"groups":"a"}"#, #"{"groups":[1]}"#, #"{"groups":[" "]}"#, #"{"roles":[null]}"#,
        #"{"roles":["webpubsub.sendToGroup."]}"#, #"{"subprotocol":[]}"#, #"{"userId":"a\u0000"}"#, "\u{FEFF}",
    ])
    func `A bad answer to connect`(body: String) {
        #expect(throws: EventFailure.invalidAnswer) { try ConnectAnswer(Self.answer(body)) }
    }

    // MARK: - Events of clients

    @Test(
        arguments: [
            ("hi", "text/plain", TypedPayload.DataType.text), ("hi", "Text/Plain; charset=utf-8", .text),
            ("1", "application/json", .json),
            (#"{"a": 1}"#, "application/json;charset=utf-8", .json), ("x", "application/octet-stream", .binary),
            ("x", nil, .binary),
        ] as [(String, String?, TypedPayload.DataType)]
    )
    func `A body becomes a message of its content type`(body: String, type: String?, expected: TypedPayload.DataType) throws {
        let answer = try EventAnswer(Self.answer(body, type.map { ["Content-Type": $0] } ?? [:]))
        #expect(answer.payload == TypedPayload(expected, ByteBuffer(string: body)))
    }

    @Test func `An empty answer is no message; with metadata it is an empty text`() throws {
        #expect(try EventAnswer(Self.answer("")).payload == nil)
        let fields: HTTPHeaders = [
            "X-WebPubSub-Metadata-Key": "1", "x-webpubsub-metadata-other": "2", "X-WEBPUBSUB-METADATA-KEY": "3",
        ]
        let answer = try EventAnswer(Self.answer("", fields))
        #expect(answer.payload == TypedPayload(.text, ByteBuffer()))
        #expect(answer.metadata.entries == [.init("other", "2"), .init("key", "3")])
    }

    @Test(arguments: [("<p>", "text/html"), ("{", "application/json"), ("1 2", "application/json"), ("x", ""), ("x", "json")])
    func `A bad answer to an event`(body: String, type: String) {
        #expect(throws: EventFailure.invalidAnswer) { try EventAnswer(Self.answer(body, ["Content-Type": type])) }
    }

    @Test func `A text must be UTF-8, and metadata and state have their limits`() throws {
        let broken = HandlerAnswer(fields: ["Content-Type": "text/plain"], body: ByteBuffer(bytes: [0xC3]))
        #expect(throws: EventFailure.invalidAnswer) { try EventAnswer(broken) }
        let long = String(repeating: "x", count: 1025)
        #expect(throws: EventFailure.invalidAnswer) { try EventAnswer(Self.answer("", ["X-WebPubSub-Metadata-a": long])) }
        let state = String(repeating: "s", count: HandlerAnswer.maximumStateBytes)
        #expect(try Self.answer("", ["CE-ConnectionState": state]).state == state)
        #expect(throws: EventFailure.invalidAnswer) { try Self.answer("", ["ce-connectionState": state + "s"]).state }
        #expect(try Self.answer("", ["ce-connectionState": ""]).state == "" && Self.answer("").state == nil)
    }

    @Test func `Cookies come back to the origin that set them, until they are removed`() {
        var cookies = HandlerCookies()
        cookies.set(by: ["Set-Cookie": "a=1; Path=/; HttpOnly", "set-cookie": "b=x=y"], of: "http://one")
        cookies.set(by: ["Set-Cookie": "a=2", "set-cookie": "nothing", "Set-cookie": "=3"], of: "http://one")
        #expect(cookies.field(for: "http://one") == "b=x=y; a=2" && cookies.field(for: "http://two") == nil)
        cookies.set(by: ["Set-Cookie": "a=; Max-Age=0"], of: "http://one")
        #expect(cookies.field(for: "http://one") == "b=x=y")
        cookies.set(by: ["Set-Cookie": "big=\(String(repeating: "x", count: 4096))"], of: "http://one")
        for number in 0..<30 { cookies.set(by: ["Set-Cookie": "n\(number)=1"], of: "http://one") }
        #expect(cookies.field(for: "http://one")?.split(separator: ";").count == HandlerCookies.maximumCount)
    }
}
