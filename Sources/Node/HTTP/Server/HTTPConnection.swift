import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import VolaryBackplane

/// A client's HTTP connection, as the task sees it that serves it.
///
/// Short requests are answered on the connection's event loop. Lists, metrics and large bodies would hold up what the loop delivers, and are
/// answered beside it.
struct HTTPConnection: Sendable {
    /// Of a body that is read on the event loop: 64 KiB, which takes less than a millisecond.
    private static let shortBodyBytes = 64 * 1024

    let channel: any Channel
    private let isSecure: Bool
    private let handler: NIOLoopBound<RequestHandler>

    /// - Parameter handler: already in the channel's pipeline. Called on the channel's event loop.
    init(channel: any Channel, isSecure: Bool, handler: RequestHandler) {
        self.channel = channel
        self.isSecure = isSecure
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
    }

    /// Answers the requests until there are no more; the connection ends with the last answer. When the task is cancelled, with that of the
    /// request that is under way, which gets no more of its body.
    ///
    /// Runs on a ``LoopExecutor`` of the channel's event loop.
    func serve(with responder: some HTTPResponder<BasicRequestContext>, date: DateField, logger: Logger) async {
        await withTaskCancellationHandler {
            while let (head, body) = await self.next() {
                var (answer, bytes) = await self.answer(to: head, body, with: responder, logger: logger)
                var isLast = head.headers.first(name: "connection") == "close"
                if body == nil, !isLast { isLast = await !self.mayGoOn(behind: head) }
                answer.headers.add(name: "date", value: date.text)
                // RFC 9112 section 9.6.
                if isLast { answer.headers.replaceOrAdd(name: "connection", value: "close") }
                self.onLoop { [answer, bytes] in $0.answer(answer, bytes) }
                if isLast { break }
            }
            await withCheckedContinuation { continuation in self.onLoop { $0.end(continuation) } }
        } onCancel: {
            self.onLoop { $0.cut() }
        }
    }

    private func next() async -> RequestHandler.Arrival? {
        await withCheckedContinuation { continuation in self.onLoop { $0.next(continuation) } }
    }

    private func mayGoOn(behind head: HTTPRequestHead) async -> Bool {
        await withCheckedContinuation { continuation in
            self.onLoop { continuation.resume(returning: $0.mayGoOn(behind: head)) }
        }
    }

    /// At once, for a task that is on the event loop.
    private func onLoop(_ action: @escaping @Sendable (RequestHandler) -> Void) {
        if self.channel.eventLoop.inEventLoop {
            action(self.handler.value)
        } else {
            self.channel.eventLoop.execute { action(self.handler.value) }
        }
    }

    private func answer(
        to head: HTTPRequestHead,
        _ body: ByteBuffer?,
        with responder: some HTTPResponder<BasicRequestContext>,
        logger: Logger
    ) async -> (HTTPResponseHead, ByteBuffer) {
        do {
            let request = Request(
                head: try self.request(head),
                body: body.map { RequestBody(buffer: $0) } ?? RequestBody(asyncSequence: Parts(connection: self))
            )
            let context = BasicRequestContext(source: .init(channel: self.channel, logger: logger))
            let isShort = head.method == .POST && body.map { $0.readableBytes <= Self.shortBodyBytes } ?? false
            let response =
                isShort
                ? try await responder.respond(to: request, context: context)
                : try await withTaskExecutorPreference(globalConcurrentExecutor) {
                    try await responder.respond(to: request, context: context)
                }
            let body = BodyCollector()
            try await response.body.write(body)
            return (HTTPResponseHead(response.head), body.content)
        } catch {
            // Errors of ours are problems by now: the node is being stopped.
            logger.debug("Request not answered", metadata: [LogKey.error: "\(ErrorText.of(error))"])
            return (
                HTTPResponseHead(version: .http1_1, status: .internalServerError, headers: ["content-length": "0"]), ByteBuffer()
            )
        }
    }

    /// Its target is a path by now (``HTTPErrorHandler``); NIO's own conversion would look for a URI in it with `URLComponents`.
    private func request(_ head: HTTPRequestHead) throws -> HTTPRequest {
        HTTPRequest(
            method: try HTTPRequest.Method(head.method),
            scheme: self.isSecure ? "https" : "http",
            authority: head.headers.first(name: "host"),
            path: head.uri,
            headerFields: HTTPFields(head.headers, splitCookie: false)
        )
    }

    /// A body that did not come with its head.
    private struct Parts: AsyncSequence, Sendable {
        let connection: HTTPConnection

        struct AsyncIterator: AsyncIteratorProtocol {
            let connection: HTTPConnection

            func next() async throws -> ByteBuffer? {
                try await withCheckedThrowingContinuation { continuation in
                    self.connection.onLoop { $0.nextBodyPart(continuation) }
                }
            }
        }

        func makeAsyncIterator() -> AsyncIterator { AsyncIterator(connection: self.connection) }
    }
}
