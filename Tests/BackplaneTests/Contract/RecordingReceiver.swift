import NIOConcurrencyHelpers
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Keeps what a broker delivers, batch by batch.
final class RecordingReceiver: BrokerReceiver {
    private let state = NIOLockedValueBox<[[Envelope]]>([])

    private let gaps = NIOLockedValueBox<[BrokerGap]>([])

    func missed(_ gaps: [BrokerGap]) { self.gaps.withLockedValue { $0 += gaps } }

    /// All that was told to be missing.
    var missed: [BrokerGap] { self.gaps.withLockedValue { $0 } }

    func receive(_ envelopes: [Envelope]) { self.state.withLockedValue { $0.append(envelopes) } }

    var batches: [[Envelope]] { self.state.withLockedValue { $0 } }
    var count: Int { self.state.withLockedValue { $0.reduce(0) { $0 + $1.count } } }
    var envelopes: [Envelope] { self.batches.flatMap(\.self) }
    /// The texts of all publications, in order.
    var texts: [String] {
        self.envelopes.compactMap { envelope in
            guard case .publication(let publication) = envelope.message else { return nil }
            return String(buffer: publication.payload)
        }
    }
}

extension NodeMessage {
    static func text(_ text: String, from node: NodeID = NodeID(rawValue: 1)) -> NodeMessage {
        .publication(
            Publication(id: .random(on: node), kind: .message, timestamp: 1_781_330_400_000, payload: .init(string: text))
        )
    }
}
