public import NIOCore

/// The content of a message with its type.
public struct TypedPayload: Hashable, Sendable {
    public enum DataType: String, Sendable, CaseIterable {
        /// Well-formed UTF-8.
        case text
        /// A JSON text, as its sender wrote it.
        case json
        case binary
        /// A packed `google.protobuf.Any`.
        case protobuf
    }

    public let dataType: DataType
    public let bytes: ByteBuffer

    public init(_ dataType: DataType, _ bytes: ByteBuffer) {
        self.dataType = dataType
        self.bytes = bytes
    }
}
