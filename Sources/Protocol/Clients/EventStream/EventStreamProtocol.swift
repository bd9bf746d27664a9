import NIOCore

/// The protocol of `/events`: the messages of the plain protocol as server-sent events, for `EventSource` in a browser
/// (https://html.spec.whatwg.org/multipage/server-sent-events.html). A reader sends nothing.
///
///     id: 1781330400000-13
///     event: server-broadcast
///     data: {"type":"server-broadcast","message":"Hello!","timestamp":"2026-06-13T06:00:01Z","id":"b597…"}
///
/// The name of an event is the type of its message. An event can have no bytes, so a binary message is an event `binary`, whose `data`
/// member has the bytes in base64. The last event of a connection that the node closes is `close`, with a WebSocket's code and reason.
/// The id of an event is its position in the order of the hub; one that has no place in it has no id. A reader that connects again names
/// the last id that it got, and gets what follows.
public final class EventStreamProtocol: ClientProtocol {
    /// Time after which a reader connects again when its node shuts down, in milliseconds: another node is ready.
    private static let retry = 1000

    let plain: PlainProtocol

    public init(precision: Timestamp.Precision = .seconds) {
        self.plain = PlainProtocol(precision: precision)
    }

    public var name: String { "sse" }

    public func makeSession(_ facts: SessionFacts) -> any ClientSession { self }

    public func encode(_ publication: Publication) -> ClientMessage? { self.encode(publication, at: nil) }

    public func encode(_ publication: Publication, at position: Position?) -> ClientMessage? {
        self.named(publication).map { .text(Self.event($0.name, $0.data, id: position)) }
    }

    /// The name and the data of an event.
    func named(_ publication: Publication) -> (name: String, data: ByteBuffer)? {
        switch self.plain.encode(publication) {
        case .text(let json): (publication.kind.plain.rawValue, json)
        case .binary(let bytes): self.binary(publication, bytes).map { ("binary", $0) }
        case nil: nil
        }
    }

    private func binary(_ publication: Publication, _ bytes: ByteBuffer) -> ByteBuffer? {
        let size = Base64.encodedCount(of: bytes.readableBytes) + 2
        var text = ByteBuffer()
        text.write(atMost: size) { writer in
            writer.write("\"")
            Base64.write(bytes, to: &writer)
            writer.write("\"")
        }
        let copy = Publication(
            id: publication.id,
            kind: publication.kind,
            sender: publication.sender,
            hub: publication.hub,
            audience: publication.audience,
            dataType: .json,
            timestamp: publication.timestamp,
            payload: text
        )
        guard case .text(let json) = self.plain.encode(copy) else { return nil }
        return json
    }

    /// An event, with one `data` line for each line of its data.
    static func event(_ name: String, _ data: ByteBuffer, id: Position? = nil, retry: Int? = nil) -> ByteBuffer {
        var event = ByteBuffer()
        event.reserveCapacity(data.readableBytes + name.utf8.count + (id == nil ? 32 : 80))
        if let id { event.writeString("\(Self.idField)\(id)\n") }
        if let retry { event.writeString("retry: \(retry)\n") }
        event.writeString("event: \(name)\n")
        // Most messages have one line. JSON of a caller may have several; a line feed inside of it is white space.
        for line in data.readableBytesView.split(omittingEmptySubsequences: true, whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
            event.writeString("data: ")
            event.writeBytes(line)
            event.writeString("\n")
        }
        event.writeString("\n")
        return event
    }
}

/// The protocol has no state of a connection.
extension EventStreamProtocol: ClientSession {
    /// Never called: the transport reads no messages.
    public func next(in message: inout ClientMessage) -> SessionStep { .nothing }

    public func encode(_ event: ServerEvent) -> ClientMessage? {
        switch event {
        case .welcome: self.plainEvent("welcome", event)
        case .notice: self.plainEvent(ServerMessage.Kind.system.rawValue, event)
        case .closing(let code, let reason):
            .text(Self.event("close", Self.close(code, reason), retry: code == .serviceRestart ? Self.retry : nil))
        case .connected, .echo, .result, .hub, .ping: nil
        }
    }

    private func plainEvent(_ name: String, _ event: ServerEvent) -> ClientMessage? {
        guard case .text(let json) = self.plain.encode(event) else { return nil }
        return .text(Self.event(name, json))
    }

    /// `{"code":1012,"reason":"the node is going away"}`
    private static func close(_ code: CloseCode, _ reason: String) -> ByteBuffer {
        var json = ByteBuffer()
        // All other characters take at most 30 bytes.
        json.write(atMost: 30 + JSONEscaping.count(of: reason)) { writer in
            writer.write(#"{"code":"#)
            writer.write(text: "\(code.rawValue)")
            writer.write(#","reason":""#)
            JSONEscaping.write(reason, to: &writer)
            writer.write(#""}"#)
        }
        return json
    }
}
