import NIOCore
import NIOHTTP1

/// The handlers of an HTTP/1.1 connection beside ``UpgradeHandler``, which adds and removes them.
struct HTTP1Handlers {
    let encoder: HTTPResponseEncoder
    let reader: RequestReader
    /// Other handlers that all requests need.
    let others: [any RemovableChannelHandler]
    /// Adds the handlers that answer requests, and returns those of them that a handshake removes. Called once, with the first request
    /// that is not a WebSocket handshake.
    let becomeHTTP: (any Channel, RequestReader) throws -> [any RemovableChannelHandler]

    /// Handlers that only requests for the routes need.
    private var routing: [any RemovableChannelHandler] = []

    init(
        encoder: HTTPResponseEncoder,
        reader: RequestReader,
        others: [any RemovableChannelHandler],
        becomeHTTP: @escaping (any Channel, RequestReader) throws -> [any RemovableChannelHandler]
    ) {
        self.encoder = encoder
        self.reader = reader
        self.others = others
        self.becomeHTTP = becomeHTTP
    }

    /// Adds the handlers for requests.
    mutating func addRouting(_ channel: any Channel) throws {
        let halfClose = HalfCloseHandler()
        try channel.pipeline.syncOperations.addHandler(halfClose, position: .before(self.encoder))
        self.routing = [halfClose]
        self.routing += try self.becomeHTTP(channel, self.reader)
    }

    /// Removes the handlers for requests: the connection gets no more of them.
    mutating func removeRouting(_ channel: any Channel) {
        for handler in self.routing { channel.pipeline.syncOperations.removeHandler(handler, promise: nil) }
        self.routing = []
    }

    /// Writes the answer that accepts a handshake, without the encoder, and removes all handlers but the reader.
    func end(with answer: ByteBuffer, _ channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.context(handler: self.encoder).writeAndFlush(NIOAny(answer), promise: nil)
        pipeline.removeHandler(self.encoder, promise: nil)
        for handler in self.others { pipeline.removeHandler(handler, promise: nil) }
    }
}

@available(*, unavailable)
extension HTTP1Handlers: Sendable {}
