import NIOCore
import Testing

@testable import VolaryProtocol

/// One client of `json.webpubsub.azure.v1` or its reliable form, without a node.
@Suite
struct JSONPubSubSessionTests {
    private func session(
        _ roles: String...,
        reliable: Bool = false,
        user: String? = nil,
        publicationCount: UInt64 = 0
    ) -> any ClientSession {
        let permissions = GroupPermissions(roles: roles.map { UTF8Text($0) })!
        return JSONPubSubProtocol(isReliable: reliable)
            .makeSession(PubSub.facts(user: user, permissions: permissions, publicationCount: publicationCount))
    }

    private static func failure(_ ackID: UInt64, _ name: String, _ message: String) -> String {
        #"{"type":"ack","ackId":\#(ackID),"success":false,"error":{"name":"\#(name)","message":"\#(message)"}}"#
    }

    private static func success(_ ackID: UInt64) -> String { #"{"type":"ack","ackId":\#(ackID),"success":true}"# }

    private static func duplicate(_ ackID: UInt64) -> String {
        self.failure(ackID, "Duplicate", "Message with ack-id: \(ackID) has been processed")
    }

    private static func forbidden(_ ackID: UInt64, _ action: String) -> String {
        self.failure(ackID, "Forbidden", "The client does not have permission to \(action).")
    }

    // MARK: - Actions

    private static let group = PubSub.group("g")

    private static let actions: [(String, String, ClientAction.Kind)] = [
        ("webpubsub.joinLeaveGroup", #""type":"joinGroup","group":"g""#, .join(group)),
        ("webpubsub.joinLeaveGroup.g", #""type":"leaveGroup","group":"g""#, .leave(group)),
        (
            "webpubsub.sendToGroups.?", #""type":"sendToGroup","group":"g","dataType":"text","data":"x""#,
            .send(GroupSend(to: group, PubSub.payload(.text, "x")))
        ),
        (
            "", #""type":"event","event":"e","dataType":"text","data":"x""#,
            .event(ClientEvent(EventName("e")!, PubSub.payload(.text, "x")))
        ),
    ]

    @Test(arguments: actions) func `A request that is permitted is an action`(
        role: String,
        members: String,
        kind: ClientAction.Kind
    ) throws {
        for isReliable in [false, true] {
            let session = self.session(role, reliable: isReliable)
            #expect(try session.step("{\(members)}") == .action(ClientAction(kind)))
            #expect(try session.step("{\(members),\"ackId\":7}") == .action(ClientAction(kind, ackID: .number(7))))
        }
    }

    @Test(arguments: [
        (#""type":"joinGroup","group":"a""#, "join group 'a'"), (#""type":"leaveGroup","group":"a""#, "leave group 'a'"),
        (#""type":"sendToGroup","group":"a","data":1"#, "send to group 'a'"),
    ])
    func `A request that is not permitted is refused, silently without an ack id, and may be tried again`(
        members: String,
        action: String
    ) throws {
        let session = self.session("webpubsub.joinLeaveGroup.b", "webpubsub.sendToGroup.b")
        #expect(try session.step("{\(members)}") == .nothing)
        for _ in 0..<2 { #expect(try session.step("{\(members),\"ackId\":3}") == .reply(Self.forbidden(3, action))) }
        for permission in GroupPermission.allCases { _ = session.permissions.grant(permission, for: nil) }
        guard case .action = try session.step("{\(members),\"ackId\":3}") else { return #expect(Bool(false)) }
    }

    @Test func `A permission that is taken away counts from the next message on`() throws {
        let session = self.session("webpubsub.sendToGroup")
        let message = #"{"type":"sendToGroup","group":"g","data":1,"ackId":1}"#
        _ = session.permissions.revoke(.sendToGroup, for: Self.group)
        #expect(try session.step(message) == .reply(Self.forbidden(1, "send to group 'g'")))
    }

    @Test func `A ping is answered by a pong`() throws {
        #expect(try self.session().step(#"{"type":"ping"}"#) == .reply(#"{"type":"pong"}"#))
    }

    @Test func `A sequence acknowledgment counts for reliable clients, whatever its number; others may send it`() throws {
        for number: UInt64 in [0, 41, .max] {
            let message = #"{"type":"sequenceAck","sequenceId":\#(number)}"#
            #expect(try self.session(reliable: true).step(message) == .acknowledged(number))
            #expect(try self.session().step(message) == .nothing)
        }
    }

    @Test func `Binary messages and malformed ones end the connection`() {
        var binary = ClientMessage.binary(ByteBuffer(string: #"{"type":"ping"}"#))
        #expect(throws: ProtocolViolation.pubSubBinary) { try self.session().next(in: &binary) }
        #expect(throws: ProtocolViolation.pubSubMalformed) { try self.session().step("x") }
    }

    // MARK: - Results

    @Test(arguments: [
        (ActionFailure.forbidden, "Forbidden", "The client does not have permission."),
        (.duplicate, "Duplicate", "Message with ack-id: 2 has been processed"),
        (.failed, "InternalServerError", "Internal server error"),
        (.tooLarge, "InternalServerError", "Internal server error"), (.refused, "InternalServerError", "Internal server error"),
        (.busy, "Timeout", "The message was not confirmed in time"),
        (.unreachable, "Timeout", "The message was not confirmed in time"),
        (.overQuota, "QuotaExceeded", "The hub is over its quota"),
        (.historyFull, "Timeout", "The message was not confirmed in time"),
    ])
    func `Each failure has its error; without an ack id nothing is told`(failure: ActionFailure, name: String, message: String) {
        let session = self.session()
        #expect(session.told(.failure(failure), 2) == Self.failure(2, name, message))
        #expect(session.told(.failure(failure), nil) == nil)
        #expect(session.end(after: .failure(failure)) == nil)
    }

    private static let event = #"{"type":"event","event":"e","data":1,"ackId":1}"#
    private static let action = SessionStep.action(
        ClientAction(.event(ClientEvent(EventName("e")!, PubSub.payload(.json, "1"))), ackID: .number(1))
    )

    @Test func `An ack id that succeeded is not carried out again, whatever the type of the message and the permissions`() throws
    {
        let session = self.session()
        #expect(try session.step(Self.event) == Self.action)
        #expect(session.told(.success(()), 1) == Self.success(1))
        for message in [Self.event, #"{"type":"leaveGroup","group":"g","ackId":1}"#] {
            #expect(try session.step(message) == .reply(Self.duplicate(1)))
        }
    }

    @Test func `An ack id that failed may be tried again`() throws {
        let session = self.session()
        for failure in [ActionFailure.failed, .unreachable, .forbidden] {
            #expect(try session.step(Self.event) == Self.action)
            _ = session.told(.failure(failure), 1)
        }
        #expect(try session.step(Self.event) == Self.action)
    }

    @Test func `An ack id that another node knows as carried out is remembered`() throws {
        let session = self.session(reliable: true)
        #expect(try session.step(Self.event) == Self.action)
        #expect(session.told(.failure(.duplicate), 1) == Self.duplicate(1))
        #expect(try session.step(Self.event) == .reply(Self.duplicate(1)))
    }

    @Test(arguments: [true, false]) func `A message whose first copy is unfinished waits for its result`(succeeds: Bool) throws {
        let session = self.session()
        #expect(try session.step(Self.event) == Self.action)
        for _ in 0..<2 { #expect(try session.step(Self.event) == .wait) }
        #expect(try session.step(#"{"type":"ping"}"#) == .reply(#"{"type":"pong"}"#))
        _ = session.told(succeeds ? .success(()) : .failure(.failed), 1)
        #expect(try session.step(Self.event) == (succeeds ? .reply(Self.duplicate(1)) : Self.action))
    }

    // MARK: - Events and publications

    private static let connected = #"{"type":"system","event":"connected","userId":"ann","connectionId":"\#(PubSub.id)""#

    @Test func `The first message names the connection, and for reliable clients the reconnection token`() {
        let event = ServerEvent.connected(reconnectionToken: "t")
        #expect(PubSub.text(self.session(user: "ann").encode(event)) == "\(Self.connected)}")
        #expect(
            PubSub.text(self.session(reliable: true, user: "ann").encode(event))
                == #"\#(Self.connected),"reconnectionToken":"t"}"#
        )
        #expect(PubSub.text(self.session().encode(event))?.contains(#""userId":null"#) == true)
    }

    @Test func `Before a close the client gets its reason`() {
        let last = self.session().encode(.closing(.invalidData, reason: ProtocolViolation.pubSubMalformed.reason))
        #expect(
            PubSub.text(last)
                == #"{"type":"system","event":"disconnected","message":"The client message is not a valid JSON protocol message."}"#
        )
    }

    @Test func `Other events have no message`() {
        let session = self.session()
        for event in [ServerEvent.ping, .notice("x", timestamp: 0), .echo(.text(ByteBuffer()), from: PubSub.id, timestamp: 0)] {
            #expect(session.encode(event) == nil)
        }
    }

    private static let publications: [(Publication, String?)] = [
        (
            PubSub.publication(.text, "hi", to: .group(group), kind: .message),
            #"{"type":"message","from":"group","group":"g","dataType":"text","data":"hi""#
        ),
        (
            PubSub.publication(.json, "[1]", to: .group(group)),
            #"{"type":"message","from":"group","group":"g","dataType":"json","data":[1]"#
        ),
        (PubSub.publication(.text, "hi"), #"{"type":"message","from":"server","dataType":"text","data":"hi""#),
        (
            PubSub.publication(.binary, "hi", to: .user(group)),
            #"{"type":"message","from":"server","dataType":"binary","data":"aGk=""#
        ),
        (
            PubSub.publication(.json, "1", to: .connection(PubSub.id)),
            #"{"type":"message","from":"server","dataType":"json","data":1"#
        ),
        (PubSub.publication(.text, "joined", kind: .system), nil),
    ]

    @Test(arguments: publications) func `Publications are messages from a group or from the server`(
        publication: Publication,
        text: String?
    ) {
        #expect(PubSub.text(JSONPubSubProtocol(isReliable: false).encode(publication)) == text.map { "\($0)}" })
        #expect(PubSub.text(JSONPubSubProtocol(isReliable: true).encode(publication)) == text.map { #"\#($0),"sequenceId":"# })
    }

    @Test func `Names and tails of the protocols`() {
        let (json, reliable) = (JSONPubSubProtocol(isReliable: false), JSONPubSubProtocol(isReliable: true))
        #expect(json.name == "json.webpubsub.azure.v1" && json.tailBytes == 0)
        #expect(reliable.name == "json.reliable.webpubsub.azure.v1" && (1...Limits.maximumTailBytes).contains(reliable.tailBytes))
        #expect(reliable.name.utf8.count <= 32 && RawPubSubProtocol().name.utf8.count <= 32)
    }

    @Test func `Each connection numbers its publications from 1, or goes on where it was`() {
        for (start, expected) in [(UInt64(0), ["1", "2"]), (41, ["42", "43"])] {
            let session = self.session(reliable: true, publicationCount: start)
            for number in expected {
                let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: SequenceTail.byteCount, alignment: 1)
                defer { memory.deallocate() }
                var tail = OutputRawSpan(buffer: memory, initializedCount: 0)
                session.writeTail(to: &tail)
                #expect(tail.finalize(for: memory) == SequenceTail.byteCount)
                let text = String(decoding: memory, as: UTF8.self)
                #expect(text == String(repeating: " ", count: 20 - number.count) + number + "}")
            }
        }
    }
}
