import Crypto
import HTTPTypes
import NIOCore
import VolaryProtocol

/// Tells requests apart: SHA-256 of the method, path, query and body, and of the body's type unless it is JSON, the same on every node.
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
        // With its length before it, no part can pass for the end of the one before.
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
