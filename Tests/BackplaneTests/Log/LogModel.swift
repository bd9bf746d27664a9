import NIOCore
import VolaryProtocol

@testable import VolaryBackplane

/// A topic in a Redis that is a few lines long, with everything that may happen to it, for the tests of those who follow it.
struct LogModel {
    struct Message: Hashable {
        let origin: NodeID
        let sequence: UInt64

        func envelope(attempt: UInt8 = 0) -> Envelope {
            Envelope(origin: self.origin, sequence: self.sequence, message: .receipts([]), attempt: attempt)
        }
    }

    private(set) var head: LogPage.Head?
    private(set) var entries: [(offset: UInt64, number: UInt64, message: Message, attempt: UInt8)] = []
    /// Of the last message in the order of the hub.
    private var number: UInt64 = 1000
    /// Of the last logged message of the topic; 0 before the first of a log.
    private var previous: UInt64 = 0
    /// Names the data, for as long as Redis keeps it.
    private(set) var store = 1
    private var epochs: UInt64 = 100

    /// - Returns: what subscribers get.
    mutating func publish(_ message: Message, attempt: UInt8 = 0) -> LogArrival {
        if self.head == nil { self.beginEpoch(.fresh) }
        guard let head else { preconditionFailure() }
        let offset = head.offset + 1
        // Other topics take numbers, too.
        self.number += 1 + self.number % 5
        let position = LogPosition(epoch: head.epoch, offset: offset, number: self.number)
        let arrival = LogArrival(
            position: position,
            envelope: message.envelope(attempt: attempt),
            bytes: 10,
            previous: self.previous
        )
        self.previous = self.number
        self.head = .init(
            epoch: head.epoch,
            offset: offset,
            start: head.start,
            beginning: head.beginning,
            number: self.number
        )
        self.entries.append((offset, self.number, message, attempt))
        return arrival
    }

    /// Redis had no room: the epoch ends.
    mutating func publishUnlogged(_ message: Message) -> LogArrival {
        self.entries = []
        self.beginEpoch(.afterLoss)
        return LogArrival(position: nil, envelope: message.envelope(), bytes: 10)
    }

    private mutating func beginEpoch(_ beginning: LogPage.Beginning) {
        self.epochs += 1
        self.previous = beginning == .fresh ? 0 : self.number
        self.head = .init(epoch: self.epochs, offset: 0, start: 0, beginning: beginning, number: self.previous)
    }

    mutating func trim(to count: Int) { self.entries.removeFirst(max(self.entries.count - count, 0)) }

    /// Redis loses all its data.
    mutating func removeAll() {
        self.store += 1
        self.head = nil
        self.entries = []
    }

    mutating func endEpoch(_ epoch: UInt64) {
        guard let head, head.epoch == epoch else { return }
        self.epochs += 1
        self.head = .init(
            epoch: self.epochs,
            offset: head.offset,
            start: self.entries.first.map { $0.offset - 1 } ?? head.offset,
            beginning: .forked,
            number: head.number
        )
    }

    /// What a replica has that got everything but the last `count` messages.
    func replica(lagging count: Int) -> LogModel {
        guard let head else { return self }
        var stale = self
        let lag = UInt64(min(count, self.entries.count))
        stale.entries.removeLast(Int(lag))
        stale.previous = stale.entries.last?.number ?? (lag == 0 ? head.number : 0)
        stale.head = .init(
            epoch: head.epoch,
            offset: head.offset - lag,
            start: head.start,
            beginning: head.beginning,
            number: stale.previous
        )
        // Another history: its numbers are above all others.
        stale.number += 1_000_000
        // Two servers that begin an epoch take different numbers.
        stale.epochs += 1000
        return stale
    }

    func page(for request: TopicLogStateMachine.LogRequest, entries count: Int) -> LogPage {
        guard let head else { return LogPage(head: nil) }
        let from =
            switch request {
            case .head: head.offset
            case .entries(let position): position?.epoch == head.epoch ? position?.offset ?? 0 : 0
            case .endEpoch: UInt64.max
            }
        let found = self.entries.filter { $0.offset >= from }.prefix(count)
        return LogPage(
            head: head,
            entries: found.map {
                .init(offset: $0.offset, number: $0.number, bytes: $0.message.envelope(attempt: $0.attempt).encoded())
            }
        )
    }
}
