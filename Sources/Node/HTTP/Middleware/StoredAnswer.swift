import HTTPTypes
import NIOCore
import VolaryBackplane

/// An answer of the REST API as bytes, so that any node can send it again.
///
/// Version 1 consists of the version (1 byte), the status (2), the number of header fields (2), the fields, and the body up to
/// the end. Each field has the lengths of its name and its value (2 each) before both. Numbers are big-endian.
enum StoredAnswer {
    private static let version: UInt8 = 1
    static let maximumBytes = IdempotencyLimits.answerBytes

    /// Marks an answer that is sent again.
    static let replayed = HTTPField.Name("Idempotency-Replayed")!

    /// - Returns: nil when the result would exceed ``maximumBytes``, and for a stream, whose size is unknown.
    static func encode(_ response: Response) -> ByteBuffer? {
        guard case .bytes(let body) = response.body, body.readableBytes <= Self.maximumBytes else { return nil }
        return self.encode(response.status, response.headers, body)
    }

    /// Stored in place of an answer that is too large.
    static let notKept: ByteBuffer = {
        let problem = Problem.answerNotKept
        return Self.encode(problem.status, problem.response.headers, problem.json) ?? ByteBuffer()
    }()

    private static func encode(_ status: HTTPResponse.Status, _ headers: HTTPFields, _ body: ByteBuffer) -> ByteBuffer? {
        // The length is computed from the body when the answer is sent.
        let fields = headers.filter { $0.name != .contentLength }
        guard fields.allSatisfy({ $0.name.rawName.utf8.count <= UInt16.max && $0.value.utf8.count <= UInt16.max }),
            fields.count <= UInt16.max
        else { return nil }
        var bytes = ByteBuffer()
        bytes.writeMultipleIntegers(self.version, UInt16(status.code), UInt16(fields.count))
        for field in fields {
            for text in [field.name.rawName, field.value] {
                bytes.writeInteger(UInt16(text.utf8.count))
                bytes.writeString(text)
            }
        }
        bytes.writeImmutableBuffer(body)
        return bytes.readableBytes <= self.maximumBytes ? bytes : nil
    }

    /// - Returns: nil for bytes that are not in the format of this version.
    static func decode(_ bytes: ByteBuffer) -> Response? {
        var bytes = bytes
        guard let (version, status, count) = bytes.readMultipleIntegers(as: (UInt8, UInt16, UInt16).self),
            version == self.version, (200...599).contains(status)
        else { return nil }
        var headers = HTTPFields()
        for _ in 0..<count {
            guard let name = self.text(&bytes).flatMap({ HTTPField.Name($0) }), let value = self.text(&bytes) else { return nil }
            headers.append(HTTPField(name: name, value: value))
        }
        headers[self.replayed] = "true"
        return Response(status: .init(code: Int(status)), headers: headers, body: bytes)
    }

    private static func text(_ bytes: inout ByteBuffer) -> String? {
        bytes.readInteger(as: UInt16.self).flatMap { bytes.readString(length: Int($0)) }
    }
}
