import HTTPTypes
import NIOCore

/// Content that does not change while the node runs, with an entity tag, so that a client with a cached copy gets a 304 (RFC
/// 9110 section 13.1.2).
struct StaticContent: Sendable {
    private let bytes: ByteBuffer
    private let headers: HTTPFields
    private let tag: String

    /// - Parameter headers: fields in addition to type, tag and caching.
    init(_ bytes: ByteBuffer, type: String, headers: HTTPFields = [:]) {
        self.bytes = bytes
        self.tag = Self.tag(of: bytes)
        var headers = headers
        headers[.contentType] = type
        headers[.eTag] = self.tag
        // Clients may cache the content but must revalidate it, because another version of the node may have other content.
        headers[.cacheControl] = "no-cache"
        headers[.xContentTypeOptions] = "nosniff"
        self.headers = headers
    }

    func response(to request: Request) -> Response {
        if let known = request.headers[.ifNoneMatch], self.isNamed(by: known) {
            var headers = self.headers
            headers[.contentType] = nil
            return Response(status: .notModified, headers: headers)
        }
        return Response(status: .ok, headers: self.headers, body: self.bytes)
    }

    /// The weak comparison, as `If-None-Match` requires.
    private func isNamed(by list: String) -> Bool {
        list.utf8.split(separator: UInt8(ascii: ",")).contains { entry in
            let entry = Substring(entry).trimmingOWS.utf8
            return entry.elementsEqual("*".utf8) || entry.elementsEqual(self.tag.utf8)
                || entry.elementsEqual("W/\(self.tag)".utf8)
        }
    }

    /// FNV-1a with 64 bits. It distinguishes versions of a file and does not protect against deliberate collisions.
    private static func tag(of bytes: ByteBuffer) -> String {
        let hash = bytes.withUnsafeReadableBytes { bytes in
            bytes.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        }
        return "\"\(String(hash, radix: 16))-\(String(bytes.readableBytes, radix: 16))\""
    }
}

extension HTTPField.Name {
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
}
