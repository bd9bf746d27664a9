import NIOCore
import VolaryProtocol

/// The payload of a REST push and its type.
struct PushContent: Hashable, Sendable {
    let dataType: Publication.DataType
    /// See ``Publication/payload``.
    let payload: ByteBuffer

    /// The member of the JSON body that contains the payload; nil when the payload is the whole body.
    var field: String? {
        switch self.dataType {
        case .text: "message"
        case .json: "data"
        case .binary, .protobuf: nil
        }
    }
}
