import NIOCore

/// The way from the broker to connections in memory: all code of the node before the socket, and nothing of the kernel.
enum FanOutCases {
    private static let connections = 200

    static var all: [Case] {
        [1, 64].map { messages in
            Case("fan-out-\(messages)", "delivery", count: self.connections * messages) {
                let node = MemoryNode(connections: self.connections)
                let envelopes = (1...messages).map { Samples.envelope(sequence: UInt64($0)) }
                return { rounds in
                    for _ in 0..<rounds { node.deliver(envelopes) }
                }
            }
        }
    }
}
