import NIOCore
import Testing

@testable import VolaryProtocol

/// Publications and events as server-sent events.
@Suite
struct EventStreamProtocolTests {
    private static let events = EventStreamProtocol()

    private static func text(_ message: ClientMessage?) -> String? {
        guard case .text(let text) = message else { return nil }
        return String(buffer: text)
    }

    private static func encoded(
        _ payload: String,
        _ dataType: Publication.DataType = .text,
        kind: Publication.Kind = .message
    ) -> String? {
        self.text(
            self.events.encode(
                Publication(
                    id: .random(on: NodeID(rawValue: 1)),
                    kind: kind,
                    hub: .default,
                    dataType: dataType,
                    timestamp: 0,
                    payload: ByteBuffer(string: payload)
                )
            )
        )
    }

    private static func event(_ name: String, _ members: String) -> String { "event: \(name)\ndata: {\"type\":\(members)}\n\n" }

    @Test func `A publication is an event with the message of the plain protocol, under its type`() {
        let time = #""timestamp":"1970-01-01T00:00:00Z""#
        #expect(Self.encoded("a\n\"b\"") == Self.event("message", #""message","message":"a\n\"b\"",\#(time)"#))
        #expect(Self.encoded("x", kind: .system) == Self.event("system", #""system","message":"x",\#(time)"#))
        let json = Self.encoded("[1]", .json, kind: .serverBroadcast)
        #expect(json?.hasPrefix("event: server-broadcast\ndata: {\"type\":\"server-broadcast\"") == true)
        #expect(json?.hasSuffix(",\"data\":[1]}\n\n") == true)
    }

    @Test(arguments: ["[1,\n2]", "[1,\r2]", "[1,\r\n2]", "[1,\n\n2]"])
    func `JSON of several lines has a data line for each`(json: String) {
        let event = Self.encoded(json, .json)
        #expect(event?.hasSuffix(",\"data\":[1,\ndata: 2]}\n\n") == true, "\(event ?? "")")
        #expect(event?.contains("\n\n") == true && event?.firstRange(of: "\n\n")?.upperBound == event?.endIndex)
    }

    @Test(arguments: [Publication.DataType.binary, .protobuf])
    func `A binary message is an event of its own, in base64`(dataType: Publication.DataType) {
        let time = #""timestamp":"1970-01-01T00:00:00Z""#
        #expect(Self.encoded("hello", dataType) == Self.event("binary", #""message",\#(time),"data":"aGVsbG8=""#))
        #expect(Self.encoded("", dataType) == Self.event("binary", #""message",\#(time),"data":"""#))
    }

    @Test func `An event has its position as id, and a mark has nothing else`() throws {
        let publication = Publication(
            id: .random(on: NodeID(rawValue: 1)),
            kind: .message,
            hub: .default,
            timestamp: 0,
            payload: ByteBuffer(string: "x")
        )
        let position = Position(epoch: 17, number: 3)
        let event = try #require(Self.text(Self.events.encode(publication, at: position)))
        #expect(event.hasPrefix("id: 17-3\nevent: message\ndata: {") && event.hasSuffix("}\n\n"))
        #expect(String(buffer: EventStreamProtocol.mark(position)) == "id: 17-3\n\n")
        let gap = #""gap","message":"Messages may have been lost.","timestamp":"1970-01-01T00:00:01Z""#
        #expect(String(buffer: Self.events.gap(at: 1000)) == Self.event("gap", gap))
        let element = Self.events.element(publication, at: position).map { String(buffer: $0) }
        #expect(element?.hasPrefix(#"{"position":"17-3","event":"message","data":{"type":"message","#) == true)
    }

    @Test(
        arguments: [
            (1, 0, [1, 2, 3, 0], true), (1, 1, [2, 3, 0], true), (1, 2, [3, 0], true), (1, 3, [0], false), (2, 0, [0], false),
            (0, 9, [1, 2, 3, 0], true),
        ] as [(UInt64, UInt64, [Int], Bool)]
    )
    func `Events up to a position are left out, and those without one stay`(
        epoch: UInt64,
        number: UInt64,
        rest: [Int],
        arePast: Bool
    ) {
        let all =
            "id: 1-1\nevent: a\ndata: 1\n\nid: 1-2\ndata: 2\ndata: \n\nid: 1-3\nretry: 1\ndata: 3\n\nevent: close\ndata: 0\n\n"
        let found = EventStreamProtocol.events(ByteBuffer(string: all), behind: Position(epoch: epoch, number: number))
        let numbers = String(buffer: found.rest).matches(of: /data: (\d)/).compactMap { Int($0.1) }
        #expect(numbers == rest && found.arePast == arePast)
        #expect(
            EventStreamProtocol.events(ByteBuffer(string: ":\n\n"), behind: Position(epoch: 1, number: 1)).rest.readableBytes == 3
        )
    }

    @Test func `The last event says why the stream ends, and a restart says when to connect again`() {
        let session = Self.events.makeSession(
            SessionFacts(id: .random(on: NodeID(rawValue: 1)), user: nil, path: "/events", subprotocol: nil)
        )
        let closed = Self.text(session.encode(.closing(.normal, reason: "a \"b\"\n")))
        #expect(closed == "event: close\ndata: {\"code\":1000,\"reason\":\"a \\\"b\\\"\\n\"}\n\n")
        let restarted = Self.text(session.encode(.closing(.serviceRestart, reason: "the node is going away")))
        #expect(restarted == "retry: 1000\nevent: close\ndata: {\"code\":1012,\"reason\":\"the node is going away\"}\n\n")
        let notice = Self.text(session.encode(.notice("x", timestamp: 0)))
        #expect(notice == Self.event("system", #""system","message":"x","timestamp":"1970-01-01T00:00:00Z""#))
        for event in [ServerEvent.ping, .connected(reconnectionToken: nil), .result(.failure(.failed), ackID: nil, timestamp: 0)]
        {
            #expect(session.encode(event) == nil)
        }
    }
}
