import NIOCore
import VolaryProtocol

/// One message as received from Redis.
struct LogArrival: Hashable, Sendable {
    /// nil for a message without a position in the log.
    var position: LogPosition?
    /// nil for a message that cannot be decoded, which is lost.
    let envelope: Envelope?
    let bytes: Int
    /// The number before it in its topic, 0 for the first of a log.
    var previous: UInt64 = 0
    /// Whether the offset is not above the previous one on this connection: the log was rewound by a fail-over.
    var isRewound = false
}

/// Messages that wait until earlier ones have been read from the log, in the order of arrival. ``TopicLogStateMachine/Limits``
/// limits its size.
struct ReorderBuffer {
    private var arrivals = CircularBuffer<LogArrival>()
    private(set) var bytes = 0

    var count: Int { self.arrivals.count }
    var first: LogArrival? { self.arrivals.first }
    /// Number of messages without a position, which are in no log.
    var unlogged: Int { self.arrivals.count { $0.position == nil } }

    func contains(epoch: UInt64) -> Bool { self.arrivals.contains { $0.position?.epoch == epoch } }

    mutating func append(_ arrival: LogArrival) {
        self.arrivals.append(arrival)
        self.bytes += arrival.bytes + Outbox<Void>.overheadBytes
    }

    mutating func popFirst() -> LogArrival? {
        guard let arrival = self.arrivals.popFirst() else { return nil }
        self.bytes -= arrival.bytes + Outbox<Void>.overheadBytes
        return arrival
    }

    /// Moves positions of other epochs with an offset up to `offset` to the same offset in `epoch`.
    mutating func move(to epoch: UInt64, upTo offset: UInt64) {
        for index in self.arrivals.indices {
            guard let place = self.arrivals[index].position, place.offset <= offset else { continue }
            self.arrivals[index].position = LogPosition(epoch: epoch, offset: place.offset, number: place.number)
        }
    }

    mutating func removeAll() {
        self.arrivals.removeAll()
        self.bytes = 0
    }
}
