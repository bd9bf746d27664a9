import NIOCore
import VolaryProtocol

extension NodeMessage {
    /// The size in bytes of the message's variable part.
    var payloadBytes: Int {
        switch self {
        case .publication(let publication): publication.payload.readableBytes
        case .receipts(let receipts): receipts.count * 20
        case .audience(let command): command.action.byteCount
        case .trace(let trace): trace.content.byteCount
        case .transportRequest(let request): request.action.byteCount
        case .transportAnswer(let answer): answer.body.readableBytes
        case .close, .membership, .permission, .drain, .probe: 0
        }
    }
}
