import NIOCore
import VolaryProtocol

extension NodeMessage {
    /// The part of a message that may be large, in bytes.
    var payloadBytes: Int {
        switch self {
        case .publication(let publication): publication.payload.readableBytes
        case .receipts(let receipts): receipts.count * 20
        case .close, .membership, .drain, .probe: 0
        }
    }
}
