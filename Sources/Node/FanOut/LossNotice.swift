import NIOCore
import VolaryProtocol

/// What clients are told of messages that they will not get.
enum LossNotice {
    /// - Parameter lost: how many; nil where nobody can say, or whether there were any.
    static func text(lost: Int?) -> String {
        switch lost {
        case nil: "Messages may have been lost."
        case 1: "1 message was lost."
        case let count?: "\(count) messages were lost."
        }
    }

    /// For the connections of one node only. Other nodes detect their own gaps.
    /// - Parameter timestamp: milliseconds since 1970, UTC.
    static func publication(lost: Int?, of audience: Audience, on node: NodeID, at timestamp: Int64) -> Publication {
        Publication(
            id: .random(on: node),
            kind: .system,
            audience: audience,
            timestamp: timestamp,
            payload: ByteBuffer(string: self.text(lost: lost))
        )
    }
}
