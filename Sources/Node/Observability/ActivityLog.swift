import HTTPTypes
import Logging
import NIOCore
import NIOHTTP1
import VolaryProtocol

/// Counts, and writes into the log, what clients and REST callers do to a node and what the node does to them. From any thread.
///
/// At info what an operator should see: refused handshakes, refused and failed REST calls, connections that the node closed for what the
/// client did, drains and closes by REST. At debug the rest. ``LogSampler`` bounds the lines of each kind; counters count everything.
/// No address, token, key, path or user agent is in a line.
final class ActivityLog: Sendable {
    private let metrics: NodeMetrics
    private let logger: Logger
    private let sampler: LogSampler<Kind>

    init(metrics: NodeMetrics, logger: Logger, now: @escaping @Sendable () -> NIODeadline = { .now() }) {
        self.metrics = metrics
        self.logger = logger
        self.sampler = LogSampler(now: now)
    }

    /// Of lines: each has a bound of its own.
    private enum Kind: Hashable {
        case socket(SocketRefusal)
        case handshake(RefusalReason)
        case page
        /// By its index.
        case close(Int)
        case request(RequestRoute)
        case change(RequestedChange.Kind)
    }

    // MARK: - Sockets

    enum SocketRefusal {
        /// Not even for an answer: in all, or from its address.
        case noRoom
        /// What a proxy sent before its connection's bytes was no PROXY header.
        case badProxyHeader
    }

    /// An accepted socket was closed without an answer.
    func socketRefused(_ refusal: SocketRefusal) {
        self.metrics.connectionRefused()
        self.write(.info, "Socket closed unanswered", .socket(refusal)) {
            [LogKey.reason: refusal == .noRoom ? "no room" : "bad PROXY header"]
        }
    }

    // MARK: - WebSockets

    /// A handshake was answered with a refusal.
    func handshakeRefused(_ refusal: WebSocketHandshake.Refusal, _ request: HTTPRequestHead) {
        if case .overLimit = refusal { self.metrics.connectionRefused() }
        let reason = RefusalReason(refusal)
        self.metrics.handshakeRefused(reason)
        self.write(.info, "Handshake refused", .handshake(reason)) {
            var metadata: Logger.Metadata = [LogKey.reason: "\(reason.text)"]
            // Whose page it was and what would let it in: its author learns neither from the browser.
            if refusal == .originNotAllowed {
                metadata[LogKey.origin] = "\(request.headers["origin"].joined(separator: ", "))"
                metadata[LogKey.option] = "\(ConfigurationOption.allowedOrigins.rawValue)"
            }
            return metadata
        }
    }

    /// A WebSocket has ended. Once for each.
    /// - Parameters:
    ///   - code: of the first close frame, in either direction; 1005 when it had none, nil when there was no close frame.
    ///   - side: who sent that frame; without one, who ended the socket.
    func connectionClosed(_ id: ConnectionID, code: CloseCode?, side: ConnectionClose.Side) {
        let close = ConnectionClose(code: code, side: side)
        self.metrics.connectionClosed(close)
        self.write(Self.level(of: code, side), "Connection closed", .close(close.index)) {
            [
                LogKey.connection: "\(id)", LogKey.code: "\(code?.rawValue ?? 1006)", LogKey.side: "\(side)",
            ]
        }
    }

    /// What a client did wrong or too slowly is news; that it went, or was told to go, is not.
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

    /// A page asked for something, and its browser keeps the answer from it, or there is none.
    func pageRefused(origin: String) {
        self.write(.info, "Page refused", .page) {
            [LogKey.origin: "\(origin)", LogKey.option: "\(ConfigurationOption.corsOrigins.rawValue)"]
        }
    }

    /// A request was answered.
    /// - Parameter problem: that the answer says, if it does.
    func requestAnswered(_ route: RequestRoute, status: Int, _ problem: Problem? = nil) {
        self.metrics.requestAnswered(RequestAnswer(route, status: status))
        self.write(Self.level(of: status, route), "Request answered", .request(route)) {
            var metadata: Logger.Metadata = [LogKey.route: "\(route.method) \(route.template)", LogKey.status: "\(status)"]
            if let problem { metadata[LogKey.problem] = "\(problem.name)" }
            // What is wrong with a token, in fixed words.
            if let problem, problem.status == .unauthorized { metadata[LogKey.reason] = "\(problem.detail)" }
            return metadata
        }
    }

    /// Bytes that never became a request were answered.
    func malformedRequestAnswered(_ problem: Problem) { self.requestAnswered(.other, status: problem.status.code, problem) }

    private static func level(of status: Int, _ route: RequestRoute) -> Logger.Level {
        switch status {
        case 401, 403, 429: .info
        // That a node is not ready is what its balancer asks for all the time.
        case 500... where route != .ready: .info
        default: .debug
        }
    }

    /// A REST caller has changed something, and it is done.
    /// - Parameters:
    ///   - target: the id of the node or connection.
    ///   - caller: nil where the node asks for no credentials.
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
