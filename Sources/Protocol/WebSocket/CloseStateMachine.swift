/// The closing handshake of one connection, on the server's side (RFC 6455 sections 5.5.1 and 7.1).
///
/// Each side sends one close frame; when both have, the server closes the transport. The caller that executes the actions closes
/// the transport only after the close frame was written, and starts a timer with the first close frame that it sends, because the
/// peer may never answer or never read.
///
///     open --close--> closing --closeReceived, violationFound, deadlinePassed--> ending --transportClosed--> closed
///       \------------- closeReceived, violationFound -------------------------->
public struct CloseStateMachine: Hashable, Sendable {
    private enum State: Hashable {
        case open
        /// We sent a close frame. The peer has not answered yet and may still be in the middle of a message.
        case closing
        /// Nothing more will be sent or read; the transport is about to close.
        case ending(clean: Bool)
        case closed
    }

    /// A close frame.
    public struct Frame: Hashable, Sendable {
        /// Nil if the frame has none.
        public let code: CloseCode?
        /// Whether we sent it.
        public let isOurs: Bool
    }

    private var state = State.open
    /// The first close frame in either direction: it tells why the connection ends. Nil before.
    public private(set) var firstFrame: Frame?

    public init() {}

    /// Whether frames may be sent: none may follow a close frame (section 5.5.1).
    public var canSend: Bool { self.state == .open }

    /// Whether received data still counts: after our own close frame it does, until the peer's close frame; after a violation it
    /// does not (section 7.1.7).
    public var canReceive: Bool { self.state == .open || self.state == .closing }

    // MARK: - We close

    public enum CloseAction: Hashable, Sendable {
        /// Send the close frame and start the timer; the transport stays open for the peer's close frame.
        case sendClose(code: CloseCode, reason: String)
        /// A close frame was sent before, or none can be sent any more.
        case alreadyClosing
    }

    public mutating func close(code: CloseCode, reason: String) -> CloseAction {
        guard self.state == .open else { return .alreadyClosing }
        self.state = .closing
        self.firstFrame = Frame(code: code, isOurs: true)
        return .sendClose(code: code, reason: reason)
    }

    // MARK: - The peer closes

    public enum CloseReceivedAction: Hashable, Sendable {
        /// Send a close frame with the peer's own code (or without a code if the peer sent none), start the timer, then close the
        /// transport.
        case echoThenCloseTransport(code: CloseCode?)
        /// Ours was sent before: the handshake is complete.
        case closeTransport
        /// The transport is closing or closed already.
        case ignore
    }

    public mutating func closeReceived(code: CloseCode?) -> CloseReceivedAction {
        switch self.state {
        case .open:
            self.state = .ending(clean: true)
            self.firstFrame = Frame(code: code, isOurs: false)
            return .echoThenCloseTransport(code: code)
        case .closing:
            self.state = .ending(clean: true)
            return .closeTransport
        case .ending, .closed:
            return .ignore
        }
    }

    // MARK: - The peer violates the protocol

    public enum ViolationFoundAction: Hashable, Sendable {
        /// Send the close frame, start the timer, then close the transport without waiting for an answer.
        case sendCloseThenCloseTransport(code: CloseCode, reason: String)
        /// A close frame was sent before. A second one is not allowed.
        case closeTransport
        /// The transport is closing or closed already.
        case ignore
    }

    public mutating func violationFound(_ violation: ProtocolViolation) -> ViolationFoundAction {
        switch self.state {
        case .open:
            self.state = .ending(clean: false)
            self.firstFrame = Frame(code: violation.closeCode, isOurs: true)
            return .sendCloseThenCloseTransport(code: violation.closeCode, reason: violation.reason)
        case .closing:
            self.state = .ending(clean: false)
            return .closeTransport
        case .ending, .closed:
            return .ignore
        }
    }

    // MARK: - Time and transport

    public enum DeadlinePassedAction: Hashable, Sendable {
        /// Close the transport now and drop unwritten bytes.
        case abortTransport
        /// No close is under way, or the transport is closed already.
        case ignore
    }

    /// The peer did not answer in time, or did not read the remaining bytes in time.
    public mutating func deadlinePassed() -> DeadlinePassedAction {
        switch self.state {
        case .closing, .ending:
            self.state = .ending(clean: false)
            return .abortTransport
        case .open, .closed:
            return .ignore
        }
    }

    /// The peer has ended its half of the transport, and all that it sent before is handled.
    /// - Returns: whether our half must be ended. False when it is being ended already.
    public mutating func inputEnded() -> Bool {
        switch self.state {
        case .open, .closing:
            self.state = .ending(clean: false)
            return true
        case .ending, .closed:
            return false
        }
    }

    public enum TransportClosedAction: Hashable, Sendable {
        /// The connection has ended. Clean means that both sides sent their close frames (section 7.1.4).
        case ended(clean: Bool)
        case alreadyEnded
    }

    public mutating func transportClosed() -> TransportClosedAction {
        switch self.state {
        case .open, .closing:
            self.state = .closed
            return .ended(clean: false)
        case .ending(let clean):
            self.state = .closed
            return .ended(clean: clean)
        case .closed:
            return .alreadyEnded
        }
    }
}
