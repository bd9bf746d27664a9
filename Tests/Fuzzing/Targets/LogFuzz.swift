import NIOCore
import VolaryProtocol

@testable import VolaryBackplane

/// The channel and log of one topic, in which any client of Redis may have written.
enum LogFuzz {
    fileprivate static let own = NodeID(rawValue: 1)
    fileprivate static let limits = TopicLogStateMachine.Limits(heldMessages: 6, heldBytes: 4096)

    /// One run of the state machine, with steps from the input bytes.
    fileprivate struct Run {
        var bytes: ByteBuffer
        var machine = TopicLogStateMachine(own: LogFuzz.own, limits: LogFuzz.limits)
        var output = TopicLogStateMachine.Output()
        var sessions = 0
        /// The messages that have arrived, and those that have been delivered.
        var taken: Set<Envelope> = []
        var handedOn: Set<Envelope> = []
    }

    /// For any input in any order: only messages that arrived are delivered, and each once; the number of held messages is
    /// bounded; counts do not overflow; and when Redis answers that there is no log, the topic is followed.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        var run = Run(bytes: ByteBuffer(bytes: input))
        while let step = run.bytes.readInteger(as: UInt8.self) {
            run.take(step)
            try run.checkOutput()
        }
        run.subscribe()
        for _ in 0..<100 where run.machine.request != nil {
            if case .endEpoch = run.machine.request { run.machine.epochWasEnded() } else { run.read(LogPage(head: nil)) }
            try run.checkOutput()
        }
        try hold(run.machine.isFollowing && run.machine.heldMessages == 0, "it still waits: \(run.machine.state)")
    }

    // MARK: - Seeds

    private static let subscribe: [UInt8] = [0]
    private static let unlink: [UInt8] = [1]
    private static let noLog: [UInt8] = [6]
    private static let endEpoch: [UInt8] = [7]

    private static func logged(_ epoch: UInt8, _ offset: UInt64, _ sequence: UInt8) -> [UInt8] {
        [3, epoch] + self.bytes(offset) + [sequence]
    }

    /// - Parameter entries: the offset of each entry, which is also its number, and the sequence of its message.
    private static func page(_ epoch: UInt8, _ offset: UInt64, start: UInt64 = 0, _ entries: [UInt8] = []) -> [UInt8] {
        var step: [UInt8] = [5, epoch]
        step += self.bytes(offset)
        step += self.bytes(start)
        step += [0] + self.bytes(offset) + [UInt8(entries.count)]
        for entry in entries { step += self.bytes(UInt64(entry)) + self.bytes(UInt64(entry)) + [entry] }
        return step
    }

    private static func bytes(_ number: UInt64) -> [UInt8] { withUnsafeBytes(of: number.bigEndian, Array.init) }

    static var seeds: [[UInt8]] {
        let began = self.subscribe + self.noLog
        let largest = LogPosition.offsets.upperBound
        let message = Array(buffer: Envelope(origin: self.own, sequence: 3, message: .receipts([])).encoded())
        let runs: [[[UInt8]]] = [
            [began, self.logged(1, 1, 1), self.logged(1, 2, 2), [2], self.unlink],
            // A gap that the log fills, and one that it cannot fill.
            [began, self.logged(1, 1, 1), self.logged(1, 4, 4), self.page(1, 4, [2, 3, 4])],
            [began, self.logged(1, 1, 1), self.logged(1, 9, 4), self.noLog, self.logged(1, 3, 2)],
            // Another epoch, and one with two histories.
            [self.subscribe, self.page(1, 3), self.unlink, self.subscribe, self.page(2, 2, [1, 2])],
            [
                self.subscribe, self.page(1, 3), self.logged(1, 4, 4), self.logged(1, 3, 9), self.endEpoch,
                self.page(2, 4, [3, 4]),
            ],
            // Positions that were never assigned.
            [began] + self.forged(.max), [began] + self.forged(largest), [began] + self.forged(0),
            [began, self.logged(1, 1, 1), self.logged(1, largest - 1, 2), self.noLog, self.logged(1, largest, 3), self.noLog],
            [self.subscribe, self.page(1, largest, start: largest), self.logged(1, 1, 1)],
            // Messages without a position, and with half of one.
            [began, [4, UInt8(message.count)], message, [4, 3], Array("Lxy".utf8)],
        ]
        return runs.map { $0.flatMap(\.self) }
    }

    private static func forged(_ offset: UInt64) -> [[UInt8]] {
        (1...4).flatMap { [self.logged($0, 1, 2 * $0), self.logged($0, offset, 2 * $0 + 1), self.noLog] }
    }
}

extension LogFuzz.Run {
    mutating func take(_ step: UInt8) {
        switch step & 7 {
        case 0: self.subscribe()
        case 1: self.add(.init(lost: self.machine.unlinked()))
        case 2: self.machine.storeBecameUnverified()
        case 3:
            guard let epoch = self.bytes.readInteger(as: UInt8.self), let offset = self.bytes.readInteger(as: UInt64.self),
                let sequence = self.bytes.readInteger(as: UInt8.self)
            else { return }
            var frame = ByteBuffer(string: "L")
            frame.writeMultipleIntegers(UInt64(epoch), offset, 0 as UInt64, offset, offset &- 1)
            frame.writeImmutableBuffer(Self.envelope(sequence).encoded())
            self.receive(frame)
        case 4:
            let length = self.bytes.readInteger(as: UInt8.self).map { min(Int($0), self.bytes.readableBytes) } ?? 0
            self.receive(self.bytes.readSlice(length: length) ?? ByteBuffer())
        case 5: if let page = LogPage(self.answer()) { self.read(page) }
        case 6: self.read(LogPage(head: nil))
        default: if case .endEpoch = self.machine.request { self.machine.epochWasEnded() }
        }
    }

    mutating func subscribe() {
        self.sessions += 1
        self.machine.subscribed(session: self.sessions)
    }

    mutating func read(_ page: LogPage) {
        for entry in page.entries { if let envelope = try? Envelope(decoding: entry.bytes) { self.taken.insert(envelope) } }
        self.add(self.machine.read(page))
    }

    private mutating func receive(_ payload: ByteBuffer) {
        guard let frame = try? BrokerFrame(payload) else { return }
        let (place, previous, bytes): (LogPosition?, UInt64, ByteBuffer) =
            switch frame {
            case .plain(let bytes): (nil, 0, bytes)
            case .logged(let place, let previous, _, let bytes): (place, previous, bytes)
            }
        let envelope = try? Envelope(decoding: bytes)
        if let envelope { self.taken.insert(envelope) }
        let arrival = LogArrival(position: place, envelope: envelope, bytes: bytes.readableBytes, previous: previous)
        switch self.machine.received(arrival) {
        case .nothing: break
        case .deliver(let envelope): self.output.envelopes.append(envelope)
        case .output(let output): self.add(output)
        }
    }

    private mutating func add(_ output: TopicLogStateMachine.Output) {
        self.output.envelopes += output.envelopes
        self.output.lost = BrokerGap.sum(self.output.lost, output.lost)
        self.output.gaps += output.gaps
    }

    /// Possible answers of Redis, with any numbers.
    private mutating func answer() -> RESPValue {
        func number() -> RESPValue { .integer(Int64(bitPattern: self.bytes.readInteger(as: UInt64.self) ?? 0)) }
        var epoch = ByteBuffer()
        epoch.writeInteger(UInt64(self.bytes.readInteger(as: UInt8.self) ?? 0))
        let (offset, start) = (number(), number())
        let beginning = Int64(self.bytes.readInteger(as: UInt8.self) ?? 0)
        let last = number()
        var entries: [RESPValue] = []
        for _ in 0..<(self.bytes.readInteger(as: UInt8.self) ?? 0) where self.bytes.readableBytes > 0 {
            entries.append(number())
            entries.append(number())
            entries.append(.bulk(Self.envelope(self.bytes.readInteger(as: UInt8.self) ?? 0).encoded()))
        }
        return .array([.bulk(epoch), offset, start, .integer(beginning), last, .array(entries)])
    }

    private static func envelope(_ sequence: UInt8) -> Envelope {
        Envelope(origin: NodeID(rawValue: 7), sequence: UInt64(sequence), message: .receipts([]))
    }

    /// Checks the results of the steps since the last call.
    mutating func checkOutput() throws(FuzzFailure) {
        for envelope in self.output.envelopes {
            try hold(self.taken.contains(envelope), "\(envelope) was delivered but never arrived")
            try hold(self.handedOn.insert(envelope).inserted, "\(envelope) was delivered twice")
        }
        try hold(self.output.lost >= 0 && self.output.gaps >= 0, "\(self.output)")
        self.output = .init()
        try hold(
            self.machine.heldMessages <= LogFuzz.limits.heldMessages && self.machine.heldBytes <= LogFuzz.limits.heldBytes,
            "\(self.machine.heldMessages) messages are held back"
        )
    }
}
