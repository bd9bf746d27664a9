import NIOCore
import VolaryProtocol

/// A small client protocol as a template for new ones: texts with acknowledgments, replies of the session, a last message, and a
/// number at the end of each publication.
///
///     client: 7 hello            a message with the client's number; each line of a text is one. A number that is in use waits
///     server: ok 7               the result of message 7
///     server: no 7
///     client: ?                  answered by the session
///     server: you 0a0b…0d alice /ws numbered.toy.v1
///     client:                    an empty line has no effect
///     client: bye                ends the connection with 1000
///     server: bye 1000 goodbye   the last message of every connection
///     server: ping               with each ping of the node
///     server: hello #0000000012  a publication: the twelfth of this connection
final class NumberedProtocol: ClientProtocol {
    static let subprotocol = "numbered.toy.v1"

    var name: String { "numbered" }

    /// ` #` and ten digits.
    var tailBytes: Int { 12 }

    func encode(_ publication: Publication) -> ClientMessage? {
        // This protocol has no message for notices of the cluster.
        guard publication.kind != .system, publication.dataType != .binary else { return nil }
        return .text(publication.payload)
    }

    func makeSession(_ facts: SessionFacts) -> any ClientSession { NumberedSession(facts) }
}

final class NumberedSession: ClientSession {
    static let malformed = ProtocolViolation(.invalidData, "a message is a number, a space and a text")
    static let goodbye = ProtocolViolation(.normal, "goodbye")

    private let facts: SessionFacts
    private var sent: UInt64 = 0
    private var unfinished: Set<UInt64> = []

    init(_ facts: SessionFacts) {
        self.facts = facts
    }

    func next(in message: inout ClientMessage) throws(ProtocolViolation) -> SessionStep {
        guard case .text(var text) = message else { throw Self.malformed }
        let end = text.readableBytesView.firstIndex(of: UInt8(ascii: "\n"))
        guard let line = text.readSlice(length: (end ?? text.writerIndex) - text.readerIndex) else { throw Self.malformed }
        if end != nil { text.moveReaderIndex(forwardBy: 1) }
        let step = try self.step(line)
        if step != .wait { message = .text(text) }
        return step
    }

    private func step(_ line: ByteBuffer) throws(ProtocolViolation) -> SessionStep {
        let bytes = line.readableBytesView
        if bytes.isEmpty { return .nothing }
        if bytes.elementsEqual("?".utf8) { return .reply(self.identity) }
        if bytes.elementsEqual("bye".utf8) { throw Self.goodbye }
        var text = line
        guard let space = bytes.prefix(21).firstIndex(of: UInt8(ascii: " ")),
            let digits = text.readString(length: space - text.readerIndex), let number = UInt64(digits)
        else { throw Self.malformed }
        guard self.unfinished.insert(number).inserted else { return .wait }
        text.moveReaderIndex(forwardBy: 1)
        return .action(ClientAction(.message(.text(text)), ackID: .number(number)))
    }

    private var identity: ClientMessage {
        let user = self.facts.user?.text ?? "-"
        return Self.text("you \(self.facts.id) \(user) \(self.facts.path) \(self.facts.subprotocol ?? "-")")
    }

    func encode(_ event: ServerEvent) -> ClientMessage? {
        if case .result(_, .number(let number)?, _) = event { self.unfinished.remove(number) }
        return switch event {
        case .result(.success, .number(let number)?, _): Self.text("ok \(number)")
        case .result(.failure, .number(let number)?, _): Self.text("no \(number)")
        case .ping: Self.text("ping")
        case .closing(let code, let reason): Self.text("bye \(code.rawValue) \(reason)")
        case .result, .welcome, .connected, .echo, .hub, .notice: nil
        }
    }

    private static func text(_ text: String) -> ClientMessage { .text(ByteBuffer(string: text)) }

    func writeTail(to tail: inout OutputRawSpan) {
        self.sent += 1
        let digits = String(self.sent)
        for byte in " #\(String(repeating: "0", count: 10 - digits.count))\(digits)".utf8 { tail.append(byte) }
    }
}
