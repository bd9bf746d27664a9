import NIOCore
import NIOHTTP1

/// Passes the parts of requests to the task.
extension RequestHandler {
    // MARK: - For the task

    /// - Parameter continuation: resumed with nil when no further request will come.
    func next(_ continuation: CheckedContinuation<Arrival?, Never>) {
        self.awaited = .request(continuation)
        self.deliver()
    }

    /// Sends 100 Continue if the client waits for it, because all checks of the head have been done.
    /// - Parameter continuation: resumed with nil at the end of the body.
    func nextBodyPart(_ continuation: CheckedContinuation<ByteBuffer?, any Error>) {
        self.awaited = .bodyPart(continuation)
        self.deliver()
        guard case .bodyPart = self.awaited, self.holdsBody, let context else { return }
        self.holdsBody = false
        context.writeAndFlush(self.wrapOutboundOut(.head(.init(version: .http1_1, status: .continue))), promise: nil)
    }

    // MARK: - Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.ending.hasBegun else { return }
        self.parts.append(self.unwrapInboundIn(data))
        self.bound()
    }

    /// Delivers at the end of a read, because most bodies arrive together with their heads and then need no wait.
    func channelReadComplete(context: ChannelHandlerContext) { self.deliver() }

    /// Sets the limits of the source. It may buffer the rest of one body: that of the current request, or of the next one.
    private func bound() {
        let awaitsRequest = if case .request = self.awaited { true } else { false }
        let isFirst = self.parts.requests == 0 || self.parts.requests == 1 && awaitsRequest
        self.source.bodyBytes = isFirst ? self.parts.arrivedBodyBytes.map { max(0, self.settings.maximumBodyBytes - $0) } ?? 0 : 0
        self.source.isFull = self.parts.count >= Self.heldParts || self.parts.bodyBytes >= Self.heldBodyBytes
    }

    func deliver() {
        self.deliverParts()
        self.bound()
    }

    private func deliverParts() {
        switch self.awaited {
        case .nothing: break
        case .request(let continuation): self.deliverRequest(to: continuation)
        case .bodyPart(let continuation): self.deliverBodyPart(to: continuation)
        }
    }

    private func deliverBodyPart(to continuation: CheckedContinuation<ByteBuffer?, any Error>) {
        // The rest of the body will not come, so nobody needs what has arrived of it.
        if let failure, self.parts.lacksBody {
            self.awaited = .nothing
            continuation.resume(throwing: failure)
        } else if let bytes = self.parts.takeBodyPart() {
            self.awaited = .nothing
            self.holdsBody = false
            continuation.resume(returning: bytes)
        } else if !self.parts.isBodyOpen {
            self.awaited = .nothing
            continuation.resume(returning: nil)
        }
    }

    private func deliverRequest(to continuation: CheckedContinuation<Arrival?, Never>) {
        let channel = self.context?.channel
        let isActive = channel?.isActive ?? false
        if self.ending.isCut {
            self.awaited = .nothing
            return continuation.resume(returning: nil)
        }
        // A client that does not read its answers gets no further ones.
        guard !isActive || channel?.isWritable == true else { return }
        if isActive, let arrival = self.parts.takeRequest() {
            self.awaited = .nothing
            self.idle.requestBegan()
            self.holdsBody = arrival.body == nil && arrival.head.expectsContinue
            continuation.resume(returning: arrival)
        } else if !isActive || self.failure != nil || self.isInputClosed || self.isStopped {
            self.awaited = .nothing
            continuation.resume(returning: nil)
        } else {
            self.idle.waits()
        }
    }

    /// Whether the connection ends, and nothing that has arrived waits for its turn.
    private var isStopped: Bool { self.ending.isStopping && !self.source.hasTurn }
}
