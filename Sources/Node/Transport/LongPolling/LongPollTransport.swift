import NIOCore
import VolaryProtocol

/// The answers to the polls of a client, at any node. Not bound to a channel. Belongs to the connection's event loop.
///
/// At most one poll waits, and at most one answer is under way. A poll that comes while an answer is under way waits until this is written. An
/// answer that could not be written ends the connection: what was in it is lost.
final class LongPollTransport: RequestTransport {
    struct Poll {
        let id: PublicationID
        /// Called once. After an answer with data, ``LongPollTransport/answered(_:isWritten:)`` follows.
        let answer: (_ outcome: TransportAnswer.Outcome, _ body: ByteBuffer) -> Void
    }

    let posted = PostedInput()
    private let times: LongPollTimes
    private let settings: WebSocketSettings
    /// Called once, at the end.
    private let released: () -> Void
    private var connection: Connection?
    private let eventLoop: any EventLoop
    private var queue = LongPollQueue()
    /// At most one, without an answer.
    private(set) var waiting: Poll?
    private var underWay: (id: PublicationID, bytes: Int, written: [EventLoopPromise<Void>])?
    private var hasPolled = false
    private var isAnswering = false
    private var ended: TransportEnding?
    /// Of the poll that waits, of the answer under way, or until the next poll.
    private var timer: Scheduled<Void>?
    private var closing: Scheduled<Void>?
    private var expiry: Scheduled<Void>?

    init(
        on eventLoop: any EventLoop,
        settings: WebSocketSettings,
        times: LongPollTimes = LongPollTimes(),
        released: @escaping () -> Void
    ) {
        self.eventLoop = eventLoop
        self.settings = settings
        self.times = times
        self.released = released
    }

    /// - Returns: the id of the connection.
    @discardableResult
    func open(_ admitted: WebSocketAdmission.AdmittedClient, on shard: ConnectionShard, host: ConnectionHost) -> ConnectionID {
        let connection = Connection(for: admitted, on: shard, host: host, transport: self)
        self.connection = connection
        // Requests are short, so their client's silence means nothing.
        connection.input.timeouts.stopsReading()
        connection.opened(ConnectRequest(admitted))
        self.awaitPoll()
        if let expiresAt = admitted.client.expiresAt {
            self.expiry = self.schedule(in: .milliseconds(max(0, expiresAt - self.settings.now()))) {
                self.connection?.close(.close(.unauthorized, reason: "the token has expired"))
            }
        }
        return connection.id
    }

    private func schedule(in time: TimeAmount, _ body: @escaping () -> Void) -> Scheduled<Void> {
        self.eventLoop.assumeIsolated().scheduleTask(in: time, body)
    }

    // MARK: - Polls

    func poll(_ poll: Poll) {
        guard self.connection != nil else { return poll.answer(.unknown, ByteBuffer()) }
        self.replaceWaiting(by: poll)
        guard self.underWay == nil else { return }
        self.timer?.cancel()
        guard self.hasPolled else {
            // The client regards its transport as open.
            self.hasPolled = true
            return self.endWait(.data)
        }
        self.timer = self.schedule(in: self.times.poll) { self.endWait(.data) }
        self.answer()
    }

    private func replaceWaiting(by poll: Poll?) {
        let former = self.waiting
        self.waiting = poll
        former?.answer(.over, ByteBuffer())
    }

    /// Answers the poll that waits, without data.
    private func endWait(_ outcome: TransportAnswer.Outcome) {
        guard let poll = self.waiting.take() else { return }
        self.awaitPoll()
        poll.answer(outcome, ByteBuffer())
    }

    /// The client of a poll is gone.
    func abandon(_ id: PublicationID) {
        guard self.waiting?.id == id else { return }
        self.endWait(.over)
    }

    /// Whether the answer to a poll has been written to the client.
    func answered(_ id: PublicationID, isWritten: Bool) {
        guard let answer = self.underWay, answer.id == id else { return }
        self.underWay = nil
        self.timer?.cancel()
        for promise in answer.written { if isWritten { promise.succeed() } else { promise.fail(ChannelError.ioOnClosedChannel) } }
        guard isWritten else { return self.end(TransportEnding(code: nil, side: .client), .over) }
        if let poll = self.waiting.take() { self.poll(poll) } else { self.awaitPoll() }
        self.resumeReading()
    }

    private func awaitPoll() {
        self.timer?.cancel()
        self.timer = self.schedule(in: self.times.absence) { self.end(TransportEnding(code: nil, side: .client), .over) }
    }

    /// Answers the poll that waits, with what is written until the event loop has done what it does now.
    private func answerSoon() {
        guard self.waiting != nil, self.underWay == nil, !self.isAnswering else { return }
        self.isAnswering = true
        self.eventLoop.assumeIsolated().execute {
            self.isAnswering = false
            self.answer()
        }
    }

    private func answer() {
        guard self.underWay == nil, let poll = self.waiting else { return }
        guard !self.queue.isEmpty else {
            if let ended { self.end(ended, .over) }
            return
        }
        self.waiting = nil
        let (body, written) = self.queue.take()
        self.underWay = (poll.id, body.readableBytes, written)
        self.timer?.cancel()
        self.timer = self.schedule(in: self.times.writing) { self.answered(poll.id, isWritten: false) }
        poll.answer(.data, body)
    }

    // MARK: - The end

    /// The client ends the connection.
    func clientEnds() { self.end(TransportEnding(code: .normal, side: .client), .over) }

    private func end(_ ending: TransportEnding, _ outcome: TransportAnswer.Outcome) {
        guard let connection = self.connection.take() else { return }
        self.ended = self.ended ?? ending
        for timer in [self.timer, self.closing, self.expiry] { timer?.cancel() }
        self.posted.end()
        let lost = self.queue.removeAll() + (self.underWay.take()?.written ?? [])
        let poll = self.waiting.take()
        // Not within a call of the connection.
        self.eventLoop.assumeIsolated().execute {
            for promise in lost { promise.fail(ChannelError.ioOnClosedChannel) }
            connection.closed()
            self.released()
            poll?.answer(outcome, ByteBuffer())
        }
    }

    // MARK: - ClientTransport

    let framing = Framing.unframed
    let isDeflated = false
    let hasLeftovers = false

    func allowsDeflated(bytes: Int) -> Bool { false }

    var isOpen: Bool { self.ended == nil }
    var isWritable: Bool { self.queue.bytes <= PostedInput.unreadBytes }
    var unsentBytes: Int { self.queue.bytes + (self.underWay?.bytes ?? 0) }
    var ending: TransportEnding { self.ended ?? TransportEnding(code: nil, side: .client) }

    func write(_ bytes: ByteBuffer, allowance: Int, written: EventLoopPromise<Void>?) -> WriteResult {
        guard self.isOpen else { return .closed }
        guard self.unsentBytes <= allowance else { return .overAllowance }
        guard bytes.readableBytes > 0 else {
            written?.succeed()
            return .sent
        }
        let wasWritable = self.unsentBytes == 0
        self.queue.append(bytes, written: written)
        self.answerSoon()
        return .queued(bytes: bytes.readableBytes, wasWritable: wasWritable)
    }

    func ping(sent: (() -> Void)?) {
        guard self.isOpen, let sent else { return }
        let written = self.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in sent() }
        guard !self.queue.mark(written) else { return }
        if self.underWay == nil { written.succeed() } else { self.underWay?.written.append(written) }
    }

    func close(_ reason: CloseReason) {
        switch reason {
        case .cut: self.end(TransportEnding(code: nil, side: .server), .failed)
        case .close(let code, _), .dismissal(let code, _, _): self.close(code)
        case .violation(let violation): self.close(violation.closeCode)
        }
    }

    /// The client gets what waits, and then the end.
    private func close(_ code: CloseCode) {
        guard self.isOpen, self.connection != nil else { return }
        self.ended = TransportEnding(code: code, side: .server)
        self.posted.end()
        self.closing = self.schedule(in: self.settings.closeTimeout) {
            self.end(TransportEnding(code: code, side: .server), .over)
        }
        self.answerSoon()
    }

    func resumeReading() { if let connection { self.posted.resume(connection) } }
}

@available(*, unavailable)
extension LongPollTransport: Sendable {}
