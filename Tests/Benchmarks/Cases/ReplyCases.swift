import NIOCore
import VolaryProtocol

@testable import VolaryBackplane

/// Parsing what Redis sends for a publication: 64 of them that arrive together.
enum ReplyCases {
    private static let messages = 64

    static var all: [Case] {
        [
            Case("redis-parse", "message", count: self.messages) {
                let envelope = String(repeating: "x", count: Samples.envelope().encoded().readableBytes)
                var bytes = ByteBuffer()
                for _ in 0..<self.messages {
                    bytes.writeString(
                        "*3\r\n$8\r\nsmessage\r\n$26\r\nvolary:2:h:{default}:t:all\r\n$\(envelope.utf8.count)\r\n\(envelope)\r\n"
                    )
                }
                return { [bytes] rounds in
                    let decoder = RESPDecoder()
                    var values: [RESPValue] = []
                    for _ in 0..<rounds {
                        values.removeAll(keepingCapacity: true)
                        try? decoder.decode(bytes, into: &values)
                        use(values)
                    }
                }
            }
        ]
    }
}
