/// The closing handshake of one connection, the server's side (RFC 6455 sections 5.5.1 and 7.1).
///
/// Each side sends one close frame; when both have, the server closes the transport. Who executes the answers closes the
/// transport only after the close frame was written, and arms a deadline with the first close frame it sends: a peer may never
/// answer, or never read.
///
///     open --close--> closing --closeReceived, violationFound, deadlinePassed--> ending --transportClosed--> closed
///       \------------- closeReceived, violationFound -------------------------->
public struct CloseStateMachine: Hashable, Sendable {
    private enum State: Hashable {
        case open
        /// We sent a close frame; the peer has not answered yet and may still be in the middle of a message.
        case closing
        /// Nothing more will be sent or read; the transport is about to close.
        case ending(clean: Bool)
        case closed
    }

    /// A close frame.
    public struct Frame: Hashable, Sendable {
        /// Nil where it has none.
        public let code: CloseCode?
        /// Whether we sent it.
        public let isOurs: Bool
    }

    private var state = State.open
    /// The one that came first, in either direction: why the connection ends. Nil as long as there is none.
    public private(set) var firstFrame: Frame?

    public init() {}

    /// Whether frames may be sent: none may follow a close frame (section 5.5.1).
    public var canSend: Bool { self.state == .open }

    /// Whether what arrives still means something: after our own close frame it does, until the peer's has come; after a
    /// violation it does not (section 7.1.7).
    public var mayReceive: Bool { self.state == .open || self.state == .closing }

    // MARK: - We close

    public enum CloseAction: Hashable, Sendable {
        /// Send the close frame and arm the deadline; the transport stays open for the peer's.
        case sendClose(code: CloseCode, reason: String)
        /// A close frame was sent before, or none can be any more.
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
        /// Send a close frame with the peer's own code (without one if it gave none), arm the deadline, then close the transport.
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

    // MARK: - The peer breaks the rules

    public enum ViolationFoundAction: Hashable, Sendable {
        /// Send the close frame, arm the deadline, then close the transport without waiting for an answer.
        case sendCloseThenCloseTransport(code: CloseCode, reason: String)
        /// A close frame was sent before; a second may not follow.
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
        /// Close the transport now, whatever is still unwritten.
        case abortTransport
        /// No close is under way, or the transport is closed already.
        case ignore
    }

    /// The peer did not answer in time, or did not read what was to be written before the transport closes.
    public mutating func deadlinePassed() -> DeadlinePassedAction {
        switch self.state {
        case .closing, .ending:
            self.state = .ending(clean: false)
            return .abortTransport
        case .open, .closed:
            return .ignore
        }
    }

    public enum TransportClosedAction: Hashable, Sendable {
        /// The connection has ended; clean means that both sides sent their close frames (section 7.1.4).
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
