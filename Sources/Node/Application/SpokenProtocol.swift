import VolaryProtocol

/// A client protocol with all of its encodings on one node. One instance per protocol, so that all connections with the same
/// encoding share one object.
final class SpokenProtocol: Sendable {
    let base: any ClientProtocol
    private let webSocket: ClientEncoding
    private let deflatedWebSocket: ClientEncoding
    private let eventStream: ClientEncoding
    private let eventData: ClientEncoding
    private let unframed: ClientEncoding

    init(_ base: any ClientProtocol) {
        self.base = base
        self.webSocket = ClientEncoding(base, framing: .webSocket)
        self.deflatedWebSocket = ClientEncoding(deflating: self.webSocket)
        self.eventStream = ClientEncoding(base, framing: .eventStream)
        self.eventData = ClientEncoding(base, framing: .eventData)
        self.unframed = ClientEncoding(base, framing: .unframed)
    }

    func encoding(framing: Framing, isDeflated: Bool) -> ClientEncoding {
        switch framing {
        case .webSocket: isDeflated ? self.deflatedWebSocket : self.webSocket
        case .eventStream: self.eventStream
        case .eventData: self.eventData
        case .unframed: self.unframed
        }
    }
}
