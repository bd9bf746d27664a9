import VolaryProtocol

/// A client protocol with all its encodings, as one node speaks it. One instance for each protocol, so that an encoding is the
/// same object for all connections that share it.
final class SpokenProtocol: Sendable {
    let base: any ClientProtocol
    private let webSocket: ClientEncoding
    private let deflatedWebSocket: ClientEncoding

    init(_ base: any ClientProtocol) {
        self.base = base
        self.webSocket = ClientEncoding(base, framing: .webSocket)
        self.deflatedWebSocket = ClientEncoding(deflating: self.webSocket)
    }

    func encoding(framing: Framing, isDeflated: Bool) -> ClientEncoding {
        switch framing {
        case .webSocket: isDeflated ? self.deflatedWebSocket : self.webSocket
        }
    }
}
