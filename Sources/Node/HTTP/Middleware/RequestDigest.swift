import Crypto
import HTTPTypes
import NIOCore
import VolaryProtocol

/// Identifies a request: SHA-256 of its method, path, query and body, and of the body's type unless it is JSON. The same on
/// every node.
enum RequestDigest {
    /// - Returns: 64 hexadecimal digits.
    static func text(of request: Request, body: ByteBuffer) -> String {
        let type = request.headers.value(.contentType).flatMap { BodyType($0) }
        return self.text(
            of: [request.method.rawValue, request.path, String(request.query ?? "")] + (type == .binary ? ["binary"] : []),
            body
        )
    }

    /// - Returns: 64 hexadecimal digits.
    static func text(of parts: [String], _ last: ByteBuffer = ByteBuffer()) -> String {
        var hash = SHA256()
        // The length before each part keeps the boundaries between the parts unambiguous.
        for part in parts { self.hash(ByteBuffer(string: part), into: &hash) }
        self.hash(last, into: &hash)
        return Hex.encode(hash.finalize())
    }

    private static func hash(_ part: ByteBuffer, into hash: inout SHA256) {
        var length = ByteBuffer()
        length.writeInteger(UInt64(part.readableBytes))
        length.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
        part.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
    }
}
