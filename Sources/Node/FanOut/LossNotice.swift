import NIOCore
import VolaryProtocol

/// Notices to clients about messages that were lost.
enum LossNotice {
    /// - Parameter lost: number of messages; nil if the number is unknown and may be 0.
    static func text(lost: Int?) -> String {
        switch lost {
        case nil: "Messages may have been lost."
        case 1: "1 message was lost."
        case let count?: "\(count) messages were lost."
        }
    }

    /// A notice for the connections of one node. Other nodes detect their own gaps.
    /// - Parameter timestamp: milliseconds since 1970, UTC.
    static func publication(lost: Int?, of audience: HubAudience, on node: NodeID, at timestamp: Int64) -> Publication {
        Publication(
            id: .random(on: node),
            kind: .system,
            hub: audience.hub,
            audience: audience.audience,
            timestamp: timestamp,
            payload: ByteBuffer(string: self.text(lost: lost))
        )
    }
}
