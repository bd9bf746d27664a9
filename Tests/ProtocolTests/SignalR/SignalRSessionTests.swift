import NIOCore
import Testing

@testable import VolaryProtocol

/// One client of SignalR without a transport.
@Suite
struct SignalRSessionTests {
    private static let id = ConnectionID("a1b2c3d400000000000000000a0b0c0d")!
    private static let facts = SessionFacts(id: id, user: nil, path: "/hubs/h", subprotocol: nil)

    private static func make(_ encoding: SignalREncoding? = nil) throws -> any ClientSession {
        let session = SignalRProtocol(maximumRecordBytes: 32_768).makeSession(self.facts)
        guard let encoding else { return session }
        var message = ClientMessage.text(ByteBuffer(string: "{\"protocol\":\"\(encoding.rawValue)\",\"version\":1}\u{1E}"))
        #expect(try session.next(in: &message) == .action(ClientAction(.hub(.opened))))
        #expect(message.byteCount == 0)
        return session
    }

    /// All steps of a message.
    private static func steps(_ session: any ClientSession, _ text: String) throws(ProtocolViolation) -> [SessionStep] {
        var message = ClientMessage.text(ByteBuffer(string: text))
        var steps: [SessionStep] = []
        repeat { steps.append(try session.next(in: &message)) } while message.byteCount > 0
        return steps
    }

    private static func text(_ message: ClientMessage?) -> String? {
        guard case .text(let bytes) = message else { return nil }
        return String(buffer: bytes)
    }

    @Test(arguments: SignalREncoding.allCases)
    func `The handshake decides the format of values, and its answer is the event of a connection`(
        encoding: SignalREncoding
    ) throws {
        #expect(try Self.make().hubFormat == nil)
        let session = try Self.make(encoding)
        #expect(session.hubFormat == HubFormat(encoding))
        #expect(Self.text(session.encode(.connected(reconnectionToken: nil))) == "{}\u{1E}")
    }

    @Test func `Records may follow the handshake in its message, and may be cut`() throws {
        let session = try Self.make()
        #expect(try Self.steps(session, "{\"protocol\":\"json\",") == [.nothing])
        let rest = "\"version\":1}\u{1E}{\"type\":6}\u{1E}{\"type\":5,\"invocationId\":\"1\"}\u{1E}{\"type\":5,"
        #expect(
            try Self.steps(session, rest) == [
                .action(ClientAction(.hub(.opened))), .nothing, .action(ClientAction(.hub(.cancel(AckID("1")!)))), .nothing,
            ]
        )
        #expect(try Self.steps(session, "\"invocationId\":\"2\"}\u{1E}") == [.action(ClientAction(.hub(.cancel(AckID("2")!))))])
    }

    @Test func `Every record becomes a request of the hub`() throws {
        let session = try Self.make(.json)
        let one = HubData(.json, ByteBuffer(string: "1"))
        let requests: [(String, HubRequest)] = [
            (
                #"{"type":1,"target":"m","arguments":[1]}"#,
                .call(HubRequest.Call(.invocation, id: nil, target: "m", arguments: [one]))
            ),
            (
                #"{"type":4,"target":"m","arguments":[],"invocationId":"7","streamIds":["8"]}"#,
                .call(HubRequest.Call(.stream, id: AckID("7"), target: "m", arguments: [], uploads: [AckID("8")!]))
            ),
            (#"{"type":2,"invocationId":"8","item":1}"#, .item(AckID("8")!, one)),
            (#"{"type":3,"invocationId":"8"}"#, .completion(AckID("8")!, .value(nil))),
            (#"{"type":3,"invocationId":"8","result":1}"#, .completion(AckID("8")!, .value(one))),
            (#"{"type":3,"invocationId":"8","error":"e"}"#, .completion(AckID("8")!, .failure("e"))),
            (#"{"type":5,"invocationId":"7"}"#, .cancel(AckID("7")!)),
        ]
        for (record, request) in requests {
            #expect(try Self.steps(session, record + "\u{1E}") == [.action(ClientAction(.hub(request)))])
        }
        for ignored in [#"{"type":6}"#, #"{"type":8,"sequenceId":1}"#, #"{"type":9,"sequenceId":1}"#, #"{"type":77}"#] {
            #expect(try Self.steps(session, ignored + "\u{1E}") == [.nothing])
        }
    }

    @Test func `Ids have a bound of 128 bytes`() throws {
        let session = try Self.make(.json)
        let fits = String(repeating: "i", count: 128)
        #expect(
            try Self.steps(session, "{\"type\":5,\"invocationId\":\"\(fits)\"}\u{1E}") == [
                .action(ClientAction(.hub(.cancel(AckID(UTF8Text(fits))!))))
            ]
        )
        for record in [
            #"{"type":5,"invocationId":"\#(fits)i"}"#, #"{"type":1,"target":"m","arguments":[],"invocationId":"\#(fits)i"}"#,
            #"{"type":1,"target":"m","arguments":[],"streamIds":["\#(fits)i"]}"#,
            #"{"type":2,"invocationId":"\#(fits)i","item":1}"#,
            #"{"type":3,"invocationId":"\#(fits)i"}"#,
        ] {
            #expect(throws: ProtocolViolation.signalRMalformed) { try Self.steps(session, record + "\u{1E}") }
        }
    }

    @Test(arguments: [
        (CloseCode.normal, "", #"{"type":7}"#), (.normal, "why", #"{"type":7,"error":"why"}"#),
        (.policyViolation, "why", #"{"type":7,"error":"why"}"#), (.internalError, "why", #"{"type":7,"error":"why"}"#),
        (.serviceRestart, "why", #"{"type":7,"error":"why","allowReconnect":true}"#),
        (.tryAgainLater, "why", #"{"type":7,"error":"why","allowReconnect":true}"#),
        (.timeout, "why", #"{"type":7,"error":"why","allowReconnect":true}"#),
    ])
    func `The last message is a Close record, which invites when another connection may fare better`(
        code: CloseCode,
        reason: String,
        json: String
    ) throws {
        #expect(Self.text(try Self.make(.json).encode(.closing(code, reason: reason))) == json + "\u{1E}")
    }

    @Test func `Before the handshake the last message is its answer, and after a client's Close record there is none`() throws {
        let canceled = #"{"error":"Handshake was canceled."}"# + "\u{1E}"
        #expect(Self.text(try Self.make().encode(.closing(.serviceRestart, reason: "x"))) == canceled)
        let session = try Self.make()
        #expect(throws: ProtocolViolation.signalRRefused) { try Self.steps(session, "{\"protocol\":\"x\",\"version\":1}\u{1E}") }
        #expect(
            Self.text(session.encode(.closing(.normal, reason: ""))) == #"{"error":"The protocol 'x' is not supported."}"#
                + "\u{1E}"
        )
        let closed = try Self.make(.json)
        #expect(throws: ProtocolViolation.signalRClosed) { try Self.steps(closed, "{\"type\":7}\u{1E}") }
        #expect(closed.encode(.closing(.normal, reason: "")) == nil)
    }

    // MARK: - Publications

    private static func publication(
        _ type: Publication.DataType,
        _ payload: String,
        kind: Publication.Kind = .serverBroadcast
    ) -> Publication {
        Publication(
            id: PublicationID("00000000000000000000000000000001")!,
            kind: kind,
            hub: .default,
            dataType: type,
            timestamp: 0,
            payload: ByteBuffer(string: payload)
        )
    }

    @Test(
        arguments: [
            (.text, "h\"i", "message", #"["h\"i"]"#), (.json, #"{"a":1}"#, "message", #"[{"a":1}]"#),
            (.json, #"{"target":"m","arguments":[1,[]]}"#, "m", "[1,[]]"), (.binary, "\u{1}\u{2}\u{3}", "message", #"["AQID"]"#),
        ] as [(Publication.DataType, String, UTF8Text, String)]
    )
    func `A publication is a call of a method of the client, in both encodings`(
        type: Publication.DataType,
        payload: String,
        target: UTF8Text,
        arguments: String
    ) throws {
        let publication = Self.publication(type, payload)
        let json = try #require(SignalRProtocol(.json, maximumRecordBytes: 32_768).encode(publication))
        #expect(json == .text(ByteBuffer(string: "{\"type\":1,\"target\":\"\(target)\",\"arguments\":\(arguments)}\u{1E}")))
        guard case .binary(var packed)? = SignalRProtocol(.messagePack, maximumRecordBytes: 32_768).encode(publication) else {
            Issue.record("MessagePack is no binary message")
            return
        }
        var splitter = SignalRRecordSplitter(maximumBytes: 1000)
        let record = try #require(try splitter.next(.messagePack, in: &packed))
        guard case .invocation(let call)? = try SignalREncoding.messagePack.record(record) else {
            Issue.record("no call")
            return
        }
        #expect(call.target == target)
        let values = try call.arguments.map { String(buffer: try MessagePackJSON.json(of: $0)) }
        #expect("[\(values.joined(separator: ","))]" == arguments)
    }

    @Test func `Announcements are not for hubs, and before the handshake nothing is`() {
        for encoding in SignalREncoding.allCases {
            #expect(
                SignalRProtocol(encoding, maximumRecordBytes: 32_768).encode(Self.publication(.text, "x", kind: .system)) == nil
            )
        }
        #expect(SignalRProtocol(maximumRecordBytes: 32_768).encode(Self.publication(.text, "x")) == nil)
    }
}
