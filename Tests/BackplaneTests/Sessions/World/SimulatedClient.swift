import VolaryProtocol

@testable import VolaryBackplane

/// A resumable client, as a test sees it.
struct SimulatedClient {
    enum Message {
        case send(AckID, HubPublication)
        case join(AckID, AudienceName)
        case leave(AckID, AudienceName)
        case acknowledge(UInt64)

        var ackID: AckID? {
            switch self {
            case .send(let id, _), .join(let id, _), .leave(let id, _): id
            case .acknowledge: nil
            }
        }
    }

    enum Answer {
        case connected
        case message(UInt64, String)
        case success(AckID)
        case failure(AckID)
        case ended
        case cut
    }

    enum State {
        case connecting, connected, away
        /// 1008: the client was told that it cannot be resumed.
        case ended
        case closed
    }

    let id: ConnectionID
    let token: [UInt8]
    let user: AudienceName?
    let groups: [AudienceName]
    var state = State.connecting
    var hasAttached = false
    var node: NodeID?
    /// Counts its transports.
    var transport = 0
    /// On their way.
    var up: [Message] = []
    var down: [Answer] = []
    var received: [UInt64: String] = [:]
    var last: UInt64 = 0
    var unanswered: [Message] = []
    var succeeded: [String] = []
    var nextAck: UInt64 = 0

    var isLive: Bool { self.state != .ended && self.state != .closed }

    mutating func say(_ make: (AckID) -> Message) {
        self.nextAck += 1
        let message = make(.number(self.nextAck))
        self.unanswered.append(message)
        if self.state == .connected { self.up.append(message) }
    }

    /// - Returns: what is wrong with what came.
    mutating func receive() -> String? {
        guard !self.down.isEmpty else { return nil }
        switch self.down.removeFirst() {
        case .connected:
            self.state = .connected
            self.hasAttached = true
            // The client cannot know what of it was carried out.
            self.up = self.unanswered
        case .message(let sequence, let text):
            if sequence <= self.last {
                // A hole is an expired publication.
                let known = self.received[sequence]
                return known == nil || known == text ? nil : "\(sequence) was \(known ?? "") and is \(text)"
            }
            self.last = sequence
            if self.received.values.contains(text) { return "\(text) came twice" }
            self.received[sequence] = text
        case .success(let id):
            self.succeeded += self.unanswered.filter { $0.ackID == id }.compactMap {
                if case .send(_, let publication) = $0, !publication.isForOne { publication.text } else { nil }
            }
            self.unanswered.removeAll { $0.ackID == id }
        case .failure(let id): self.unanswered.removeAll { $0.ackID == id }
        case .ended:
            self.state = .ended
            (self.up, self.down, self.node) = ([], [], nil)
        case .cut: self.lost()
        }
        return nil
    }

    mutating func lost() {
        // Without an answer to the first connection there is nothing to come back to.
        if self.isLive { self.state = self.hasAttached ? .away : .closed }
        (self.up, self.down, self.node) = ([], [], nil)
    }
}
