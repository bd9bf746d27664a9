import HTTPTypes
import NIOCore

@testable import VolaryNode

enum AnswerFuzz {
    /// A repeated answer is final, is marked as repeated, and is not larger than the stored bytes.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        guard let response = StoredAnswer.decode(ByteBuffer(bytes: input)) else { return }
        try hold((200...599).contains(response.status.code), "its status is \(response.status)")
        try hold(response.headers[StoredAnswer.replayed] == "true", "it is not marked as repeated")
        try hold(response.headers.allSatisfy { HTTPField.isValidValue($0.value) }, "\(response.headers)")
        guard case .bytes(let body) = response.body else { throw FuzzFailure(description: "it streams") }
        try hold(body.readableBytes <= input.count, "its body has \(body.readableBytes) bytes")
    }

    static var seeds: [[UInt8]] {
        func text(_ text: String) -> [UInt8] { [0, UInt8(text.utf8.count)] + Array(text.utf8) }
        let type = text("Content-Type") + text("application/json")
        return [
            [1, 0, 200, 0, 1] + type + Array("{}".utf8), [1, 1, 0x94, 0, 0], [1, 0, 202, 0, 2] + type + text("x") + text("\r\n"),
            [1, 0, 100, 0, 0], [2, 0, 200, 0, 0], [1, 0, 200, 255, 255] + type,
        ]
    }
}
