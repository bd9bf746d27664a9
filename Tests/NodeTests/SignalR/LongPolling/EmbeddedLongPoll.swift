import NIOCore
import NIOEmbedded
import VolaryProtocol

@testable import VolaryNode

/// A connection over long polling on an embedded event loop, in the plain protocol: each body of a post is a message.
final class EmbeddedLongPoll {
    struct Answer: Equatable {
        let poll: Int
        let outcome: TransportAnswer.Outcome
        var text = ""
    }

    /// What the connection has told. The harness and the closures of its application share it.
    private final class Seen {
        var connection: Connection?
        var messages: [String] = []
        var unfinished: [@Sendable () -> Void] = []
        var answers: [Answer] = []
        var ending: TransportEnding?
        var violations: [LimitViolation] = []
        var releases = 0
    }

    let loop = EmbeddedEventLoop()
    let transport: LongPollTransport
    private let seen = Seen()
    private let ids = (0..<40).map { _ in PublicationID.random(on: EmbeddedWebSocket.node) }

    /// - Parameter finishes: whether each message is completed as soon as it is received.
    init(finishes: Bool = true, maximumUnsentBytes: Int = 1 << 20, expiresAt: Int64? = nil) {
        let seen = self.seen
        let application = ClosureApplication(
            connected: { seen.connection = $0 },
            received: { _, message, done in
                seen.messages.append(String(buffer: message.bytes))
                if finishes { done() } else { seen.unfinished.append(done) }
            }
        )
        let host = ConnectionHost(
            connections: EmbeddedWebSocket.manager(on: self.loop),
            settings: ConnectionSettings(maximumUnsentBytes: maximumUnsentBytes, pingInterval: .seconds(30), now: { 0 }),
            observer: ClosureObserver(limitExceeded: { seen.violations.append($0) }, closed: { seen.ending = $0 })
        )
        self.transport = LongPollTransport(
            on: self.loop,
            settings: WebSocketSettings(messageLimits: MessageLimits(), closeTimeout: .seconds(5), now: { 0 })
        ) {
            seen.releases += 1
        }
        var client = WebSocketHandshake.Client(endpoint: Endpoint.plain.with(application))
        client.expiresAt = expiresAt
        let shard = host.connections.shard(of: self.loop)
        self.transport.open(WebSocketAdmission.AdmittedClient(client: client), on: shard, host: host)
    }

    var connection: Connection { self.seen.connection! }
    /// What the client has posted and the application got.
    var messages: [String] { self.seen.messages }
    var answers: [Answer] { self.seen.answers }
    /// nil as long as the connection is open.
    var ending: TransportEnding? { self.seen.ending }
    var violations: [LimitViolation] { self.seen.violations }
    var releases: Int { self.seen.releases }

    func advance(_ time: TimeAmount) { self.loop.advanceTime(by: time) }

    func run() { self.loop.run() }

    // MARK: - The node

    @discardableResult
    func send(_ text: String) -> Bool { self.connection.send(ByteBuffer(string: text)) }

    /// Completes the oldest message.
    func finish() { if !self.seen.unfinished.isEmpty { self.seen.unfinished.removeFirst()() } }

    // MARK: - The client

    /// The number names the poll.
    func poll(_ number: Int) {
        let seen = self.seen
        self.connection.carryOut(self.request(.poll, number)) { outcome, body in
            seen.answers.append(Answer(poll: number, outcome: outcome, text: String(buffer: body)))
        }
    }

    /// The answer of a poll has been written to its client, or not.
    func written(_ number: Int, _ isWritten: Bool = true) {
        self.connection.carryOut(self.request(.written(isWritten), number)) { _, _ in }
    }

    func abandon(_ number: Int) { self.connection.carryOut(self.request(.abandon, number)) { _, _ in } }

    /// - Parameter answered: called with the outcome.
    func post(_ text: String, user: AudienceName? = nil, answered: @escaping (TransportAnswer.Outcome) -> Void = { _ in }) {
        self.connection.carryOut(self.request(.post(ByteBuffer(string: text)), 0, user)) { outcome, _ in answered(outcome) }
    }

    func delete() -> TransportAnswer.Outcome? {
        var outcome: TransportAnswer.Outcome?
        self.connection.carryOut(self.request(.delete, 0)) { answer, _ in outcome = answer }
        return outcome
    }

    private func request(_ action: TransportRequest.Action, _ number: Int, _ user: AudienceName? = nil) -> TransportRequest {
        TransportRequest(id: self.ids[number], hub: .default, connection: self.connection.id, user: user, action: action)
    }
}
