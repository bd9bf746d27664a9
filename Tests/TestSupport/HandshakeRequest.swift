/// A client's handshake as bytes, as in RFC 6455 section 1.3.
public enum HandshakeRequest {
    /// - Parameter fields: further header fields, as `["Origin: https://example.org"]`.
    public static func bytes(path: String = "/ws", fields: [String] = []) -> [UInt8] {
        Array(
            """
            GET \(path) HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            \(fields.map { $0 + "\r\n" }.joined())\r\n
            """.utf8
        )
    }
}
