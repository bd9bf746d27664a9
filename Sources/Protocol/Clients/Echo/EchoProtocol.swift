/// The protocol of `/echo`: each message comes back to its sender unchanged. Nothing else is sent.
public final class EchoProtocol: ClientProtocol {
    public init() {}

    public var name: String { "echo" }

    public func encode(_ publication: Publication) -> ClientMessage? { nil }

    public func makeSession(_ facts: SessionFacts) -> any ClientSession { self }
}

/// The protocol has no state of a connection.
extension EchoProtocol: ClientSession {
    public func next(in message: inout ClientMessage) -> SessionStep { .action(ClientAction(.message(message))) }

    public func encode(_ event: ServerEvent) -> ClientMessage? {
        switch event {
        case .echo(let message, _, _): message
        case .welcome, .connected, .notice, .result, .hub, .ping, .closing: nil
        }
    }
}
