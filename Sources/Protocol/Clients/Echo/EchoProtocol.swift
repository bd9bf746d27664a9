/// The protocol of `/echo`: each message comes back to its sender unchanged. Nothing else is sent.
public final class EchoProtocol: ClientProtocol {
    public init() {}

    public var name: String { "echo" }

    public func encode(_ publication: Publication) -> ClientMessage? { nil }

    public func makeSession() -> any ClientSession { self }
}

/// The protocol has no state of a connection.
extension EchoProtocol: ClientSession {
    public func received(_ message: ClientMessage, _ act: (ClientAction) -> Void) { act(ClientAction(.message(message))) }

    public func encode(_ event: ServerEvent) -> ClientMessage? {
        switch event {
        case .echo(let message, _, _): message
        case .welcome, .notice, .result: nil
        }
    }
}
