/// A client's handshake (RFC 6455 section 1.3).
public enum HandshakeRequest {
    /// - Parameter fields: further header fields, such as `["Origin: https://example.org"]`.
    public static func bytes(path: String = "/ws", fields: [String] = []) -> [UInt8] {
        Array(self.text(path, fields.map { $0 + "\r\n" }.joined()).utf8)
    }

    /// - Parameters:
    ///   - target: path and query, already encoded.
    ///   - fields: further lines of the head, each with its CRLF.
    ///   - host: the value of the Host field.
    public static func text(_ target: String = "/ws", _ fields: String = "", host: String = "test") -> String {
        """
        GET \(target) HTTP/1.1\r\nHost: \(host)\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\(fields)\r\n
        """
    }
}
