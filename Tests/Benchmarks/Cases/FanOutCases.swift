import NIOCore

enum FanOutCases {
    private static let connections = 200
    /// Each connection over a socket takes two descriptors.
    private static let socketConnections = 50

    static var all: [Case] { self.inMemory + [self.overSockets] }

    /// The way from the broker to connections in memory, through the channels' write queues.
    private static var inMemory: [Case] {
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

    /// The way from the event loop's queue to the kernel, which takes all bytes at once. The read of each peer is counted too.
    private static var overSockets: Case {
        Case("fan-out-socket", "delivery", count: self.socketConnections) {
            let node = SocketNode(connections: self.socketConnections)
            let publication = Samples.publication()
            return { rounds in node.deliver(publication, rounds: rounds) }
        }
    }
}
