import NIOConcurrencyHelpers

/// One reliable client, with one connection after the other; each has one transport after the other, on any node. All is recorded.
final class ReliableClient: Sendable {
    /// What ended a transport.
    enum End: Hashable, Sendable {
        /// The connection may go on.
        case cut
        /// As `cut`, and the transport is still there.
        case silent
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
    /// Without and with its access token.
    private let path: (resuming: String, new: String)
    private let state = NIOLockedValueBox(State())
    /// Whether it acknowledges what it gets.
    private let acknowledges: Bool

    /// - Parameter path: with an access token.
    init(_ name: String, path: String, topics: Set<String>, recorder: ReliableRecorder, acknowledges: Bool = true) {
        self.name = name
        // As after the token's expiry: nobody may judge it.
        self.path = (path.prefix { $0 != "?" } + "?access_token=expired", path)
        self.topics = topics
        self.recorder = recorder
        self.acknowledges = acknowledges
    }

    /// The name of the present connection.
    var life: String { self.state.withLockedValue { "\(self.name).\($0.life)" } }

    var id: String { self.state.withLockedValue { $0.id } }

    /// The number of its newest message.
    var last: UInt64 { self.state.withLockedValue { $0.last } }

    /// Whether all that it sent has been answered with success.
    var isAnswered: Bool { self.state.withLockedValue { $0.waiting.isEmpty } }

    // MARK: - Transports

    /// A transport for the connection, or for a new one if there is none.
    /// - Parameter port: of a node, or of a proxy before it.
    /// - Returns: nil without a node, or from one that is not ready to answer.
    func connect(port: Int) async -> WebSocketTestClient? {
        let (id, token) = self.state.withLockedValue { ($0.id, $0.token) }
        let resumption = "&awps_connection_id=\(id)&awps_reconnection_token=\(token)"
        guard
            let transport = try? await WebSocketTestClient.connect(
                port: port,
                path: id.isEmpty ? self.path.new : self.path.resuming + resumption,
                options: .init(subprotocols: [Self.subprotocol])
            )
        else { return nil }
        if id.isEmpty {
            guard await self.begin(transport) else {
                await transport.disconnect()
                return nil
            }
        } else {
            // A refusal comes after 101.
            self.recorder.change(life: self.life) { $0.resumptions += 1 }
        }
        return transport
    }

    /// Sends again what has no answer. Call once for each transport, before anything else is sent on it.
    func repeatUnanswered(on transport: WebSocketTestClient) async {
        for message in self.unanswered { try? await transport.send(message) }
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

    /// Asks the event handler, which answers with a message to this connection.
    func ask(_ payload: String, on transport: WebSocketTestClient) async {
        let answer = FaultHandler.answer(to: payload)
        self.recorder.published(answer, topic: "answers:\(self.life)", by: "handler")
        await self.send(answer, on: transport) { ReliableFrame.event(payload, ackID: $0) }
    }

    /// Sends a message on a transport whose connection has gone on with another one: nothing of it counts any more.
    private func sendInVain(on transport: WebSocketTestClient) async {
        let payload = "in vain/\(self.life)/\(UInt32.random(in: 0 ... .max))"
        self.recorder.published(payload, topic: "group:\(Self.group)", by: "\(self.life) in vain")
        self.recorder.answered(payload, .refused)
        try? await transport.send(ReliableFrame.publish(payload, to: Self.group))
    }

    // MARK: - Receiving

    /// Takes messages until the transport ends or the task is cancelled. A transport that is silent is left alone: its packets may
    /// still arrive.
    /// - Parameter former: a transport that was left alone; something is sent on it once the connection has gone on.
    func listen(_ transport: WebSocketTestClient, former: WebSocketTestClient? = nil) async -> End {
        var former = former
        var (silentSince, pinged, acknowledged) = (ContinuousClock.now, ContinuousClock.now, self.last)
        while !Task.isCancelled {
            do {
                if case .text(let text) = try await transport.next(within: Self.silence / 8) {
                    await self.received(text, on: transport)
                    silentSince = .now
                    if let left = former.take() { await self.sendInVain(on: left) }
                }
            } catch WebSocketTestClient.Failure.timeout {
            } catch {
                return self.ended(transport)
            }
            let now = ContinuousClock.now
            if now - silentSince > Self.silence { return .silent }
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

    /// Takes what arrived on a transport before it ended.
    func drain(_ transport: WebSocketTestClient) async {
        for case .text(let text) in transport.takeAll() { await self.received(text, on: transport) }
    }

    private func ended(_ transport: WebSocketTestClient) -> End {
        guard transport.closeCode == 1008 else { return .cut }
        let at = self.recorder.now
        self.recorder.change(life: self.life) { if $0.told == nil { $0.told = at } }
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
