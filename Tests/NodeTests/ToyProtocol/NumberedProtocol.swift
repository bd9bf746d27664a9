import NIOCore
import VolaryProtocol

/// A small client protocol as a template for new ones: texts with acknowledgments, and a number at the end of each publication.
///
///     client: 7 hello            a message with the client's number
///     server: ok 7               the result of message 7
///     server: no 7
///     server: hello #0000000012  a publication: the twelfth of this connection
final class NumberedProtocol: ClientProtocol {
    static let subprotocol = "numbered.toy.v1"

    var name: String { "numbered" }

    /// ` #` and ten digits.
    var tailBytes: Int { 12 }

    func encode(_ publication: Publication) -> ClientMessage? {
        // This protocol has no message for notices of the cluster.
        guard publication.kind != .system, publication.dataType != .binary else { return nil }
        var text = publication.payload
        text.writeRepeatingByte(UInt8(ascii: " "), count: self.tailBytes)
        return .text(text)
    }

    func makeSession() -> any ClientSession { NumberedSession() }
}

final class NumberedSession: ClientSession {
    static let malformed = ProtocolViolation(.invalidData, "a message is a number, a space and a text")

    private var sent: UInt64 = 0

    func received(_ message: ClientMessage, _ act: (ClientAction) -> Void) throws(ProtocolViolation) {
        guard case .text(var text) = message,
            let space = text.readableBytesView.prefix(21).firstIndex(of: UInt8(ascii: " ")),
            let digits = text.readString(length: space - text.readerIndex), let number = UInt64(digits)
        else { throw Self.malformed }
        text.moveReaderIndex(forwardBy: 1)
        act(ClientAction(.message(.text(text)), ackID: number))
    }

    func encode(_ event: ServerEvent) -> ClientMessage? {
        switch event {
        case .result(.success, let ackID?, _): .text(ByteBuffer(string: "ok \(ackID)"))
        case .result(.failure, let ackID?, _): .text(ByteBuffer(string: "no \(ackID)"))
        case .result, .welcome, .echo, .notice: nil
        }
    }

    func writeTail(to tail: UnsafeMutableRawBufferPointer) {
        self.sent += 1
        let digits = String(self.sent)
        tail.copyBytes(from: " #\(String(repeating: "0", count: 10 - digits.count))\(digits)".utf8)
    }
}
