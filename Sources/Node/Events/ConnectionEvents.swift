import NIOHTTP1
import VolaryProtocol

/// What the node keeps of one connection for its event handlers. On the connection's event loop.
final class ConnectionEvents {
    /// The WebSocket subprotocol of the connection; nil for none.
    private let subprotocol: String?
    /// The state that a handler has last set; nil for none.
    private(set) var state: String?
    private var cookies: HandlerCookies
    private var nextNumber: UInt64
    /// Sends `connected`.
    var connected: Task<Void, Never>?
    /// Why the connection ends; nil while nobody has said so.
    private(set) var endReason: String?

    /// - Parameters:
    ///   - state: of the connect handler.
    ///   - cookies: of the connect handler.
    ///   - firstNumber: of the next event: 0 is `connect`, and 1 `connected`.
    init(subprotocol: String?, state: String?, cookies: HandlerCookies, firstNumber: UInt64 = 2) {
        self.subprotocol = subprotocol
        self.state = state.flatMap { $0.isEmpty ? nil : $0 }
        self.cookies = cookies
        self.nextNumber = firstNumber
    }

    /// Without effect after the first call.
    func ends(for reason: String) { self.endReason = self.endReason ?? reason }

    func sender(_ connection: Connection) -> CloudEvent.Sender {
        CloudEvent.Sender(
            id: connection.id,
            hub: connection.hub,
            user: connection.user,
            subprotocol: self.subprotocol,
            state: self.state
        )
    }

    func cookies(for handler: EventHandler) -> String? { self.cookies.field(for: handler.url.origin) }

    func takeNumber() -> UInt64 {
        defer { self.nextNumber += 1 }
        return self.nextNumber
    }

    /// - Parameter state: nil to keep what there is; empty to keep none.
    func answered(state: String?, _ fields: HTTPHeaders, by handler: EventHandler) {
        if let state { self.state = state.isEmpty ? nil : state }
        self.cookies.set(by: fields, of: handler.url.origin)
    }
}

@available(*, unavailable)
extension ConnectionEvents: Sendable {}
