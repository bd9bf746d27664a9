import NIOCore
import VolaryProtocol

/// What a REST caller pushes.
struct PushContent: Hashable, Sendable {
    let dataType: Publication.DataType
    /// As of ``Publication/payload``.
    let payload: ByteBuffer

    /// The member of the request's body that it stands in; nil when the body is it.
    var field: String? {
        switch self.dataType {
        case .text: "message"
        case .json: "data"
        case .binary: nil
        }
    }
}
