public import NIOCore

/// One encoded value: an argument, a result, or an item of a stream.
public struct HubData: Hashable, Sendable {
    public let format: HubFormat
    /// One well-formed value of the format, and nothing else.
    public let bytes: ByteBuffer

    public init(_ format: HubFormat, _ bytes: ByteBuffer) {
        self.format = format
        self.bytes = bytes
    }
}
