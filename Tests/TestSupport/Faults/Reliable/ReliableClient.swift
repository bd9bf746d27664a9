import NIOConcurrencyHelpers

/// One reliable client, with one connection after the other; each has one transport after the other, on any node. All is recorded.
final class ReliableClient: Sendable {
    /// The result of an attempt to get a transport.
    enum Attempt: Sendable {
        case opened(WebSocketTestClient)
        /// No node, or one that is not ready to answer.
        case later
    }

    /// What ended a transport.
    enum End: Hashable, Sendable {
        /// The connection may go on.
        case cut
        /// The connection cannot go on.
        case told
    }

    static let group = "crew"
    static let subprotocol = "json.reliable.webpubsub.azure.v1"
    /// A transport without any message for so long is given up. Pings are sent four times as often.
    private static let silence = Duration.seconds(2)

    private struct State {
        var life = 0
        /// Of the connection; empty before it has one.
        var id = ""
        var token = ""
        var last: UInt64 = 0
        var nextAckID: UInt64 = 1
        /// Payloads and messages without success, by `ackId`.
        var waiting: [UInt64: (payload: String, text: String)] = [:]
    }

    let name: String
    /// Those of every connection of this client.
    let topics: Set<String>
    private let recorder: ReliableRecorder
    /// With an access token.
    private let path: String
    private let state = NIOLockedValueBox(State())
    /// Whether it acknowledges what it gets.
    private let acknowledges: Bool

    init(_ name: String, path: String, topics: Set<String>, recorder: ReliableRecorder, acknowledges: Bool = true) {
        self.name = name
        self.path = path
        self.topics = topics
        self.recorder = recorder
        self.acknowledges = acknowledges
    }

    /// The name of the present connection.
    var life: String { self.state.withLockedValue { "\(self.name).\($0.life)" } }

    var id: String { self.state.withLockedValue { $0.id } }

    /// The number of its newest message.
    var last: UInt64 { self.state.withLockedValue { $0.last } }

    // MARK: - Transports

    /// A transport for the connection, or for a new one if there is none.
    /// - Parameter port: of a node, or of a proxy before it.
    func connect(port: Int) async -> Attempt {
        let (id, token) = self.state.withLockedValue { ($0.id, $0.token) }
        let resumption = id.isEmpty ? "" : "&awps_connection_id=\(id)&awps_reconnection_token=\(token)"
        guard
            let transport = try? await WebSocketTestClient.connect(
                port: port,
                path: self.path + resumption,
                options: .init(subprotocols: [Self.subprotocol])
            )
        else { return .later }
        if id.isEmpty {
            guard await self.begin(transport) else {
                await transport.disconnect()
                return .later
            }
        } else {
            // A refusal comes after 101.
            self.recorder.change(life: self.life) { $0.resumptions += 1 }
            for message in self.unanswered { try? await transport.send(message) }
        }
        return .opened(transport)
    }

    private func begin(_ transport: WebSocketTestClient) async -> Bool {
        guard case .text(let text)? = try? await transport.next(within: .seconds(5)), let frame = try? ReliableFrame(text),
            frame.event == "connected", let id = frame.connectionId, let token = frame.reconnectionToken
        else { return false }
        self.state.withLockedValue { state in
            (state.id, state.token, state.last, state.nextAckID, state.waiting) = (id, token, 0, 1, [:])
            state.life += 1
        }
        self.recorder.began(self.life, id: id, topics: self.topics)
        return true
    }

    private var unanswered: [String] {
        self.state.withLockedValue { state in state.waiting.sorted { $0.key < $1.key }.map(\.value.text) }
    }

    // MARK: - Sending

    /// Sends a message to the group, and again on later transports until it is answered.
    func publish(_ payload: String, on transport: WebSocketTestClient) async {
        self.recorder.published(payload, topic: "group:\(Self.group)", by: self.life)
        await self.send(payload, on: transport) { ReliableFrame.publish(payload, to: Self.group, ackID: $0) }
    }

    private func send(_ payload: String, on transport: WebSocketTestClient, _ text: (UInt64) -> String) async {
        let message = self.state.withLockedValue { state in
            let message = text(state.nextAckID)
            state.waiting[state.nextAckID] = (payload, message)
            state.nextAckID += 1
            return message
        }
        try? await transport.send(message)
    }

    // MARK: - Receiving

    /// Takes messages until the transport ends or the task is cancelled. A transport that is silent is given up.
    func listen(_ transport: WebSocketTestClient) async -> End {
        var (silentSince, pinged, acknowledged) = (ContinuousClock.now, ContinuousClock.now, self.last)
        while !Task.isCancelled {
            do {
                if case .text(let text) = try await transport.next(within: Self.silence / 8) {
                    await self.received(text, on: transport)
                    silentSince = .now
                }
            } catch WebSocketTestClient.Failure.timeout {
            } catch {
                return self.ended(transport)
            }
            let now = ContinuousClock.now
            if now - silentSince > Self.silence {
                await transport.disconnect()
                return .cut
            }
            guard now - pinged > Self.silence / 4 else { continue }
            pinged = now
            try? await transport.send(ReliableFrame.ping)
            let last = self.last
            if self.acknowledges, last > acknowledged {
                acknowledged = last
                try? await transport.send(ReliableFrame.acknowledge(last))
            }
        }
        return .cut
    }

    private func ended(_ transport: WebSocketTestClient) -> End {
        guard transport.closeCode == 1008 else { return .cut }
        let at = self.recorder.now
        self.recorder.change(life: self.life) { $0.told = at }
        self.state.withLockedValue { ($0.id, $0.waiting) = ("", [:]) }
        return .told
    }

    private func received(_ text: String, on transport: WebSocketTestClient) async {
        guard let frame = try? ReliableFrame(text) else {
            return self.recorder.change(life: self.life) { $0.defects.append("not a message: \(text)") }
        }
        if let sequence = frame.sequenceId {
            self.state.withLockedValue { $0.last = max($0.last, sequence) }
            self.recorder.change(life: self.life) { $0.got(sequence, frame.data ?? text) }
        }
        guard frame.type == "ack", let ackID = frame.ackId else { return }
        let answered: (payload: String, text: String)?
        if frame.success == true || frame.error?.name == "Duplicate" {
            answered = self.state.withLockedValue { $0.waiting.removeValue(forKey: ackID) }
            if let answered { self.recorder.answered(answered.payload, .accepted) }
        } else {
            answered = self.state.withLockedValue { $0.waiting[ackID] }
            guard let answered else { return }
            self.recorder.change(answered.payload) { $0.isLate = true }
            // As the libraries do, after a pause.
            try? await Task.sleep(for: .milliseconds(50))
            try? await transport.send(answered.text)
        }
    }
}
