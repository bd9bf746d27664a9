import Atomics
import HTTPTypes
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import VolaryBackplane

/// An HTTP connection of a client, as used by the task that serves it.
///
/// Short requests are answered on the connection's event loop. Lists, large bodies and streamed answers would delay deliveries
/// on the loop, so they are answered on other threads.
struct HTTPConnection: Sendable {
    /// Maximum size of a body that is read on the event loop: 64 KiB, which takes less than a millisecond.
    private static let shortBodyBytes = 64 * 1024

    private static let requests = ManagedAtomic<UInt64>(0)

    let channel: any Channel
    private let isSecure: Bool
    private let handler: NIOLoopBound<RequestHandler>

    /// - Parameter handler: already in the channel's pipeline. Called on the channel's event loop.
    init(channel: any Channel, isSecure: Bool, handler: RequestHandler) {
        self.channel = channel
        self.isSecure = isSecure
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
    }

    /// Answers requests until there are no more. The connection ends with the last answer. If the task is canceled, this is the
    /// answer to the current request, which gets no more of its body.
    ///
    /// Runs on a ``LoopExecutor`` of the channel's event loop.
    func serve(with routes: RouteTable, date: DateField, logger: Logger) async {
        await withTaskCancellationHandler {
            while let (head, body) = await self.next() {
                let response = await self.response(to: head, body, routes, logger: logger)
                var isLast = head.headers.first(name: "connection") == "close"
                if body == nil, !isLast { isLast = await !self.mayContinue(after: head) }
                var answer = HTTPResponseHead(HTTPResponse(status: response.status, headerFields: response.headers))
                answer.headers.add(name: "date", value: date.text)
                switch response.body {
                case .bytes(let bytes):
                    answer.end(isLast)
                    self.onLoop { [answer] in $0.answer(answer, bytes) }
                case .stream(let produce):
                    if !answer.headers.contains(name: "content-length") { isLast = !answer.chunk(for: head) || isLast }
                    answer.end(isLast)
                    if await !self.stream(answer, produce, logger: logger) { isLast = true }
                }
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

    private func mayContinue(after head: HTTPRequestHead) async -> Bool {
        await withCheckedContinuation { continuation in
            self.onLoop { continuation.resume(returning: $0.mayContinue(after: head)) }
        }
    }

    /// Runs the action at once, if the task is on the event loop.
    private func onLoop(_ action: @escaping @Sendable (RequestHandler) -> Void) {
        if self.channel.eventLoop.inEventLoop {
            action(self.handler.value)
        } else {
            self.channel.eventLoop.execute { action(self.handler.value) }
        }
    }

    // MARK: - Answers

    private func response(
        to head: HTTPRequestHead,
        _ body: ByteBuffer?,
        _ routes: RouteTable,
        logger: Logger
    ) async -> Response {
        do {
            let request = Request(
                head: try self.request(head),
                body: body.map { RequestBody(buffer: $0) } ?? RequestBody(next: self.nextBodyPart)
            )
            let id = Self.requests.wrappingIncrementThenLoad(ordering: .relaxed)
            let context = HTTPRequestContext(id: id, logger: logger)
            let isShort = head.method == .POST && body.map { $0.readableBytes <= Self.shortBodyBytes } ?? false
            if isShort { return try await routes.respond(to: request, context: context) }
            if head.method == .GET || head.method == .HEAD { return try await self.read(request, context, routes) }
            return try await withTaskExecutorPreference(globalConcurrentExecutor) {
                try await routes.respond(to: request, context: context)
            }
        } catch {
            // Errors of routes have been turned into problems, so this error means that the client has disconnected, or that the
            // node is being stopped.
            logger.debug("Request not answered", metadata: [LogKey.error: "\(ErrorText.of(error))"])
            return Response(status: error is CancellationError ? .serviceUnavailable : .internalServerError)
        }
    }

    /// Answers a request that changes nothing. It is canceled when the client disconnects, so that nobody waits for a list that
    /// nobody reads.
    private func read(_ request: Request, _ context: HTTPRequestContext, _ routes: RouteTable) async throws -> Response {
        let route = Task(executorPreference: globalConcurrentExecutor) {
            try await routes.respond(to: request, context: context)
        }
        // A client that breaks off a long poll closes its connection, which looks like its half at first. Messages must wait for the next poll.
        let endsWithInput = ConnectionRequestRoutes.serves(request.path)
        self.onLoop { $0.cancelOnDisconnect(route, endsWithInput: endsWithInput) }
        return try await withTaskCancellationHandler {
            try await route.value
        } onCancel: {
            route.cancel()
        }
    }

    /// The target is a path, checked by ``HTTPErrorHandler``. NIO's own conversion would parse it with `URLComponents`.
    private func request(_ head: HTTPRequestHead) throws -> HTTPRequest {
        HTTPRequest(
            method: try HTTPRequest.Method(head.method),
            scheme: self.isSecure ? "https" : "http",
            authority: head.headers.first(name: "host"),
            path: head.uri,
            headerFields: HTTPFields(head.headers, splitCookie: false)
        )
    }

    /// The next part of a body that did not come with its head.
    @Sendable private func nextBodyPart() async throws -> ByteBuffer? {
        try await withCheckedThrowingContinuation { continuation in
            self.onLoop { $0.nextBodyPart(continuation) }
        }
    }

    // MARK: - Answers that stream

    /// - Returns: whether the answer is complete; if not, the connection ends.
    private func stream(_ head: HTTPResponseHead, _ produce: @escaping ResponseBody.Producer, logger: Logger) async -> Bool {
        self.onLoop { $0.beginAnswer(head) }
        let isWhole = await withTaskGroup(of: Bool.self) { tasks in
            tasks.addTask(executorPreference: globalConcurrentExecutor) {
                defer { self.onLoop { $0.producerReturned() } }
                do {
                    try await produce(ResponseBodyWriter(writePiece: self.write))
                    return true
                } catch {
                    logger.debug("Answer aborted", metadata: [LogKey.error: "\(ErrorText.of(error))"])
                    return false
                }
            }
            let isWanted = await withCheckedContinuation { continuation in self.onLoop { $0.streamEnd(continuation) } }
            tasks.cancelAll()
            let isWritten = await tasks.next() ?? false
            return isWanted && isWritten
        }
        self.onLoop { if isWhole { $0.finishAnswer() } else { $0.abort() } }
        return isWhole
    }

    @Sendable private func write(_ piece: ByteBuffer) async throws {
        try await withCheckedThrowingContinuation { continuation in
            self.onLoop { $0.write(piece, continuation) }
        }
    }
}

extension HTTPResponseHead {
    /// RFC 9112 section 9.6.
    fileprivate mutating func end(_ isLast: Bool) {
        if isLast { self.headers.replaceOrAdd(name: "connection", value: "close") }
    }

    /// Uses chunked transfer coding (RFC 9112 section 7.1). HTTP/1.0 does not support it; there the body ends with the
    /// connection.
    /// - Returns: whether the body is chunked.
    fileprivate mutating func chunk(for request: HTTPRequestHead) -> Bool {
        guard request.version != .http1_0 else { return false }
        self.headers.add(name: "transfer-encoding", value: "chunked")
        return true
    }
}
