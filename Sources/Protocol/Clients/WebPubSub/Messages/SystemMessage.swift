import NIOCore

/// A message about the connection itself.
///
///     {"type":"system","event":"connected","userId":"ann","connectionId":"…","reconnectionToken":"…"}
///     {"type":"system","event":"disconnected","message":"…"}
///     {"type":"pong"}
///
/// `userId` is null for an anonymous client. `reconnectionToken` is present for reliable clients.
enum SystemMessage: Hashable {
    case connected(ConnectionID, user: UTF8Text?, reconnectionToken: String?)
    case disconnected(message: String)
    case pong

    var encoded: ByteBuffer {
        switch self {
        case .pong: return ByteBuffer(staticString: #"{"type":"pong"}"#)
        case .disconnected(let message):
            var json = ByteBuffer()
            json.write(atMost: 60 + JSONEscaping.count(of: message)) { writer in
                writer.write(#"{"type":"system","event":"disconnected","message":""#)
                JSONEscaping.write(message, to: &writer)
                writer.write(#""}"#)
            }
            return json
        case .connected(let id, let user, let token):
            var json = ByteBuffer()
            let texts = [user?.string, token].reduce(0) { $0 + ($1.map { JSONEscaping.count(of: $0) } ?? 0) }
            json.write(atMost: 160 + texts) { writer in
                writer.write(#"{"type":"system","event":"connected","userId":"#)
                if let user {
                    writer.write("\"")
                    JSONEscaping.write(user.string, to: &writer)
                    writer.write("\"")
                } else {
                    writer.write("null")
                }
                writer.write(#","connectionId":""#)
                id.write(to: &writer)
                if let token {
                    writer.write(#"","reconnectionToken":""#)
                    JSONEscaping.write(token, to: &writer)
                }
                writer.write(#""}"#)
            }
            return json
        }
    }
}
