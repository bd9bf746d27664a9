public import NIOCore

/// A record of SignalR's hub protocol, in either of its encodings.
///
/// The values in it are as the peer wrote them, in the record's own encoding (``SignalREncoding``): one JSON text or one value of
/// MessagePack each.
public enum SignalRRecord: Hashable, Sendable {
    /// Calls a method. Type 1, or type 4 if it is to answer with a stream.
    case invocation(SignalRInvocation)
    /// An item of a stream: of an answer, or of an upload.
    case streamItem(id: UTF8Text, item: ByteBuffer)
    /// The end of an invocation, or of a stream.
    case completion(id: UTF8Text, SignalROutcome)
    case cancelInvocation(id: UTF8Text)
    case ping
    case close(error: UTF8Text?, allowsReconnect: Bool)
    /// The peer has every numbered record up to this one. Of stateful reconnect.
    case ack(UInt64)
    /// The number of the record that comes next. Of stateful reconnect.
    case sequence(UInt64)

    /// Arguments of an invocation: 255. .NET has no limit; each argument costs the server more memory than its bytes.
    public static let maximumArguments = 255
    /// Uploads of an invocation: 100.
    public static let maximumStreams = 100
}

/// A call of a method of the hub, or of the client.
public struct SignalRInvocation: Hashable, Sendable {
    /// At least one byte.
    public let target: UTF8Text
    public let arguments: [ByteBuffer]
    /// nil: the caller wants no answer.
    public let id: UTF8Text?
    /// Ids of the streams that the caller sends items of.
    public let streamIDs: [UTF8Text]
    /// Whether the caller wants a stream. Then there is an id.
    public let isStream: Bool

    public init(
        _ target: UTF8Text,
        _ arguments: [ByteBuffer],
        id: UTF8Text? = nil,
        streamIDs: [UTF8Text] = [],
        isStream: Bool = false
    ) {
        self.target = target
        self.arguments = arguments
        self.id = id
        self.streamIDs = streamIDs
        self.isStream = isStream
    }
}

/// How an invocation or a stream has ended.
public enum SignalROutcome: Hashable, Sendable {
    case void
    case result(ByteBuffer)
    case error(UTF8Text)
}
