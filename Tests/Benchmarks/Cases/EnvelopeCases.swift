import NIOCore
import VolaryProtocol

/// Encoding and decoding of messages between nodes and to clients: a client's text of 64 bytes to everybody.
enum EnvelopeCases {
    static var all: [Case] {
        [
            Case("envelope-encode", "envelope") {
                let envelope = Samples.envelope()
                return { rounds in for _ in 0..<rounds { use(envelope.encoded()) } }
            },
            Case("envelope-decode", "envelope") {
                let bytes = Samples.envelope().encoded()
                return { rounds in
                    for _ in 0..<rounds { use(try? Envelope(decoding: bytes)) }
                }
            },
            Case("message-encode", "message") {
                let message = ServerMessage(
                    kind: .message,
                    from: .random(on: Samples.node),
                    message: ByteBuffer(string: Samples.text),
                    timestamp: 1_781_330_401_000
                )
                let allocator = ByteBufferAllocator()
                return { rounds in for _ in 0..<rounds { use(message.encoded(allocator: allocator)) } }
            },
        ]
    }
}

enum Samples {
    static let node = NodeID(rawValue: 0x0A0B_0C0D)
    static let text = String(repeating: "x", count: 64)

    /// - Parameter sequence: its sequence number at the origin.
    static func envelope(sequence: UInt64 = 1) -> Envelope {
        Envelope(origin: self.node, sequence: sequence, message: .publication(self.publication()))
    }

    static func publication() -> Publication {
        Publication(
            id: .random(on: self.node),
            kind: .message,
            sender: .random(on: self.node),
            hub: .default,
            timestamp: 1_781_330_401_000,
            payload: ByteBuffer(string: self.text)
        )
    }
}
