import HTTPTypes
import Logging
import NIOCore
import NIOHTTP1
import VolaryProtocol

/// Counts and logs connections, handshakes, REST requests and REST changes. Used from any thread.
///
/// At info: refused handshakes, refused and failed REST requests, connections that the node closed because of the client, and
/// drains and closes by REST. At debug: the rest. ``LogSampler`` limits the lines of each kind; counters count everything. Lines
/// contain no address, token, key, path or user agent.
final class ActivityLog: Sendable {
    private let metrics: NodeMetrics
    private let logger: Logger
    private let sampler: LogSampler<Kind>

    init(metrics: NodeMetrics, logger: Logger, now: @escaping @Sendable () -> NIODeadline = { .now() }) {
        self.metrics = metrics
        self.logger = logger
        self.sampler = LogSampler(now: now)
    }

    /// The kind of a line. Each kind has its own limit.
    private enum Kind: Hashable {
        case socket(SocketRefusal)
        case handshake(RefusalReason)
        case page
        /// The index of a ``ConnectionClose``.
        case close(Int)
        case request(RequestRoute)
        case change(RequestedChange.Kind)
    }

    // MARK: - Sockets

    enum SocketRefusal {
        /// Above the reserve of a connection limit, in total or for its address.
        case noRoom
        /// A trusted proxy's connection did not begin with a valid PROXY header.
        case badProxyHeader
    }

    /// An accepted socket was closed without an answer.
    func socketRefused(_ refusal: SocketRefusal) {
        self.metrics.connectionRefused()
        self.write(.info, "Socket closed unanswered", .socket(refusal)) {
            [LogKey.reason: refusal == .noRoom ? "no room" : "bad PROXY header"]
        }
    }

    /// What a client had sent before it closed its HTTP/2 connection was dropped.
    func clientGoneUnread() { self.metrics.clientGoneUnread() }

    // MARK: - WebSockets

    /// A handshake was refused.
    func handshakeRefused(_ refusal: WebSocketHandshake.Refusal, _ request: HTTPRequestHead) {
        if case .overLimit = refusal { self.metrics.connectionRefused() }
        let reason = RefusalReason(refusal)
        self.metrics.handshakeRefused(reason)
        self.write(.info, "Handshake refused", .handshake(reason)) {
            var metadata: Logger.Metadata = [LogKey.reason: "\(reason.text)"]
            // The origin and the option that would allow it: the browser tells the page's author neither.
            if refusal == .originNotAllowed {
                metadata[LogKey.origin] = "\(request.headers["origin"].joined(separator: ", "))"
                metadata[LogKey.option] = "\(ConfigurationOption.allowedOrigins.rawValue)"
            }
            return metadata
        }
    }

    /// A WebSocket has ended. Called once for each.
    /// - Parameters:
    ///   - code: the code of the first close frame, in either direction; 1005 when it has none, nil when there was no close
    ///     frame.
    ///   - side: the sender of that frame; without a close frame, the side that ended the connection.
    func connectionClosed(_ id: ConnectionID, code: CloseCode?, side: ConnectionClose.Side) {
        let close = ConnectionClose(code: code, side: side)
        self.metrics.connectionClosed(close)
        self.write(Self.level(of: code, side), "Connection closed", .close(close.index)) {
            [
                LogKey.connection: "\(id)", LogKey.code: "\(code?.rawValue ?? 1006)", LogKey.side: "\(side)",
            ]
        }
    }

    /// Info when the node closed the connection because of the client; debug for ordinary closes.
    private static func level(of code: CloseCode?, _ side: ConnectionClose.Side) -> Logger.Level {
        guard side == .server else { return .debug }
        switch code {
        case .protocolError, .unsupportedData, .invalidData, .policyViolation, .messageTooBig, .internalError, .tryAgainLater,
            .timeout:
            return .info
        default: return .debug
        }
    }

    // MARK: - REST

    /// A cross-origin request of a page was refused, or the browser withholds its answer from the page.
    /// - Parameter option: lists the origins that may do it.
    func pageRefused(origin: String, _ option: ConfigurationOption) {
        self.write(.info, "Page refused", .page) {
            [LogKey.origin: "\(origin)", LogKey.option: "\(option.rawValue)"]
        }
    }

    /// A request was answered.
    /// - Parameter problem: the answer's problem document, if any.
    func requestAnswered(_ route: RequestRoute, status: Int, _ problem: Problem? = nil) {
        self.metrics.requestAnswered(RequestAnswer(route, status: status))
        self.write(Self.level(of: status, route), "Request answered", .request(route)) {
            var metadata: Logger.Metadata = [LogKey.route: "\(route.method) \(route.template)", LogKey.status: "\(status)"]
            if let problem { metadata[LogKey.problem] = "\(problem.name)" }
            // One of the fixed texts of ``TokenError``.
            if let problem, problem.status == .unauthorized { metadata[LogKey.reason] = "\(problem.detail)" }
            return metadata
        }
    }

    /// Bytes that are not a valid request were answered.
    func malformedRequestAnswered(_ problem: Problem) { self.requestAnswered(.other, status: problem.status.code, problem) }

    private static func level(of status: Int, _ route: RequestRoute) -> Logger.Level {
        switch status {
        case 401, 403, 429: .info
        // A load balancer polls readiness all the time.
        case 500... where route != .ready: .info
        default: .debug
        }
    }

    /// A change requested over REST has been carried out.
    /// - Parameters:
    ///   - target: the id of the node or connection.
    ///   - caller: nil when the node needs no credentials.
    func changed(_ kind: RequestedChange.Kind, of target: String, by caller: Principal?) {
        self.metrics.changed(RequestedChange(kind: kind, credential: caller?.credential ?? .none))
        let level: Logger.Level = kind == .drain || kind == .close ? .info : .debug
        self.write(level, "Change by REST", .change(kind)) {
            [
                LogKey.change: "\(kind)", LogKey.target: "\(target)", LogKey.caller: "\(caller?.shortIdentity ?? "anybody")",
            ]
        }
    }

    // MARK: -

    private func write(
        _ level: Logger.Level,
        _ message: Logger.Message,
        _ kind: Kind,
        _ metadata: () -> Logger.Metadata
    ) {
        guard self.logger.logLevel <= level, let suppressed = self.sampler.take(kind) else { return }
        var metadata = metadata()
        if suppressed > 0 { metadata[LogKey.suppressed] = "\(suppressed)" }
        self.logger.log(level: level, message, metadata: metadata)
    }
}
