import NIOCore
import Testing

@testable import VolaryProtocol

/// Clients of Web PubSub without a subprotocol of it.
@Suite
struct RawPubSubTests {
    // MARK: - Query

    private static let modes: [([UTF8Text: UTF8Text], RawClientMode)] = [
        ([:], .sendEvent), (["webpubsub_mode": ""], .sendEvent), (["webpubsub_mode": "sendEvent", "group": ""], .sendEvent),
        (["group": "g", "noEcho": "true"], .sendEvent),
        (["webpubsub_mode": "sendToGroup", "group": "g"], .sendToGroup(PubSub.group("g"), excludesSender: false)),
        (
            ["webpubsub_mode": "sendToGroup", "group": "g", "noEcho": "TRUE"],
            .sendToGroup(PubSub.group("g"), excludesSender: true)
        ),
        (
            ["webpubsub_mode": "sendToGroup", "group": "g", "noEcho": "False"],
            .sendToGroup(PubSub.group("g"), excludesSender: false)
        ),
    ]

    @Test(arguments: modes) func `The query decides what messages do`(parameters: [UTF8Text: UTF8Text], mode: RawClientMode) {
        #expect(RawClientMode(parameters: parameters) == mode)
    }

    @Test(
        arguments: [
            ["webpubsub_mode": "sendToGroup"], ["webpubsub_mode": "sendToGroup", "group": ""],
            ["webpubsub_mode": "sendToGroup", "group": " "], ["webpubsub_mode": "sendToGroup", "group": "a\nb"],
            ["webpubsub_mode": "other", "group": "g"], ["webpubsub_mode": "sendToGroup", "group": "g", "noEcho": "1"],
            ["noEcho": ""], ["noEcho": "yes"],
        ] as [[UTF8Text: UTF8Text]]
    )
    func `Other queries are refused`(parameters: [UTF8Text: UTF8Text]) {
        #expect(RawClientMode(parameters: parameters) == nil)
    }

    // MARK: - From the client

    private static let messages: [(ClientMessage, TypedPayload)] = [
        (.text(ByteBuffer(string: "x")), PubSub.payload(.text, "x")),
        (.binary(ByteBuffer(string: "x")), PubSub.payload(.binary, "x")),
        (.text(ByteBuffer()), PubSub.payload(.text, "")),
    ]

    @Test(arguments: messages) func `A message is an event`(message: ClientMessage, payload: TypedPayload) throws {
        let session = RawPubSubProtocol().makeSession(PubSub.facts())
        var message = message
        #expect(try session.next(in: &message) == .action(ClientAction(.event(ClientEvent(.message, payload)))))
    }

    @Test(arguments: messages) func `A message is for the group of the query, if that is permitted`(
        message: ClientMessage,
        payload: TypedPayload
    ) throws {
        let facts = PubSub.facts(
            parameters: ["webpubsub_mode": "sendToGroup", "group": "g", "noEcho": "true"],
            permissions: PubSub.permissions("webpubsub.sendToGroup.g")
        )
        let session = RawPubSubProtocol().makeSession(facts)
        var message = message
        let send = GroupSend(to: PubSub.group("g"), payload, excludesSender: true)
        #expect(try session.next(in: &message) == .action(ClientAction(.send(send))))
        _ = session.permissions.revoke(.sendToGroup, for: nil)
        let violation = #expect(throws: ProtocolViolation.self) { try session.next(in: &message) }
        #expect(violation?.closeCode == .policyViolation)
    }

    @Test func `A failure ends the connection`() {
        let session = RawPubSubProtocol().makeSession(PubSub.facts())
        for failure in [ActionFailure.failed, .unreachable, .refused] {
            #expect(session.end(after: .failure(failure)) == .pubSubFailed)
        }
        #expect(session.end(after: .failure(.forbidden))?.closeCode == .policyViolation)
        #expect(session.end(after: .failure(.overQuota)) == .pubSubOverQuota)
        #expect(ProtocolViolation.pubSubOverQuota.closeCode == .policyViolation)
        #expect(session.end(after: .success(())) == nil)
        #expect(
            ProtocolViolation.pubSubFailed.closeCode == .internalError
                && ProtocolViolation.pubSubFailed.reason == "Internal server error"
        )
    }

    // MARK: - To the client

    @Test(arguments: [
        (TypedPayload.DataType.text, ClientMessage.text(ByteBuffer(string: "1"))), (.json, .text(ByteBuffer(string: "1"))),
        (.binary, .binary(ByteBuffer(string: "1"))), (.protobuf, .binary(ByteBuffer(string: "1"))),
    ])
    func `A payload is a frame of its kind`(dataType: TypedPayload.DataType, message: ClientMessage) {
        #expect(ClientMessage(PubSub.payload(dataType, "1")) == message)
    }

    @Test func `Clients get payloads alone, and nothing else`() {
        let raw = RawPubSubProtocol()
        #expect(raw.encode(PubSub.publication(.json, "[1]", to: .group(PubSub.group("g")))) == .text(ByteBuffer(string: "[1]")))
        #expect(raw.encode(PubSub.publication(.binary, "x")) == .binary(ByteBuffer(string: "x")))
        #expect(raw.encode(PubSub.publication(.text, "joined", kind: .system)) == nil)
        let session = raw.makeSession(PubSub.facts())
        for event in [ServerEvent.connected(reconnectionToken: nil), .closing(.normal, reason: "x"), .ping] {
            #expect(session.encode(event) == nil)
        }
    }
}
