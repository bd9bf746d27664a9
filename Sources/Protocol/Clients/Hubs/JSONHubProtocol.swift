import NIOCore

/// The protocol of plain WebSocket clients of a hub: `hub.volary.json`. Each message is one JSON object.
///
/// From the client:
///
///     {"id":1,"call":"say","args":["hi","lobby"]}                 a call; without an id there is no answer
///     {"id":3,"call":"report","args":[],"streams":["a"]}          a call with a stream that the client uploads
///     {"stream":"a","item":{…}}, {"stream":"a","end":true}, {"stream":"a","error":"…"}
///     {"cancel":1}                                                 ends a call; its answer comes nevertheless
///     {"answer":"…","result":true}, {"answer":"…","error":"…"}     to an event with an `ask`
///
/// To the client:
///
///     {"id":1,"result":2}, {"id":1,"result":null}, {"id":1,"error":"…"}
///     {"id":2,"item":{…}}, {"id":2,"end":true}                     of a method that streams
///     {"event":"message","args":["ann","hi"]}                      a call of a method of the client
///     {"event":"confirm","args":["Sure?"],"ask":"…"}               the same, with an answer
///     {"closing":"…"}                                              the last message, with the reason
///
/// An id is a whole number or a text of at most 128 bytes. Unknown members are ignored.
public final class JSONHubProtocol: ClientProtocol {
    public static let subprotocol = "hub.volary.json"

    public init() {}

    public var name: String { "hub.json" }

    public func makeSession(_ facts: SessionFacts) -> any ClientSession { self }

    public func encode(_ publication: Publication) -> ClientMessage? {
        HubInvocation(publication).map { .text(Self.event($0.target.string, $0.arguments, ask: nil)) }
    }
}

/// The protocol has no state of a connection.
extension JSONHubProtocol: ClientSession {
    public var hubFormat: HubFormat? { .json }

    public func next(in message: inout ClientMessage) throws(ProtocolViolation) -> SessionStep {
        guard case .text(let text) = message else { throw .hubBinary }
        return .action(ClientAction(.hub(try JSONHubRecord(text).request)))
    }

    public func encode(_ event: ServerEvent) -> ClientMessage? {
        switch event {
        case .hub(let reply): .text(Self.encode(reply))
        case .closing(_, let reason): .text(Self.object { $0.member("closing", text: reason) })
        case .welcome, .connected, .echo, .notice, .result, .ping: nil
        }
    }

    private static func encode(_ reply: HubReply) -> ByteBuffer {
        switch reply {
        case .item(let id, let item):
            self.object {
                $0.member("id", id)
                $0.member("item", json: item.bytes)
            }
        case .completion(let id, let outcome):
            self.object {
                $0.member("id", id)
                switch outcome {
                case .void: $0.member("result", json: ByteBuffer(string: "null"))
                case .value(let value): $0.member("result", json: value.bytes)
                case .end: $0.member("end", json: ByteBuffer(string: "true"))
                case .failure(let text): $0.member("error", text: text)
                }
            }
        case .invocation(let id, let target, let arguments):
            self.event(target, JSONHubObject.list(arguments.map(\.bytes)), ask: id)
        }
    }

    /// - Parameter arguments: a JSON list.
    private static func event(_ target: String, _ arguments: ByteBuffer, ask: AckID?) -> ByteBuffer {
        self.object {
            $0.member("event", text: target)
            $0.member("args", json: arguments)
            if let ask { $0.member("ask", ask) }
        }
    }

    private static func object(_ write: (inout JSONHubObject) -> Void) -> ByteBuffer {
        var object = JSONHubObject()
        write(&object)
        return object.end()
    }
}

extension ProtocolViolation {
    static let hubBinary = ProtocolViolation(.unsupportedData, "a client of a hub sends texts")
    static let hubRecord = ProtocolViolation(.invalidData, "no message of a client of a hub")
}
