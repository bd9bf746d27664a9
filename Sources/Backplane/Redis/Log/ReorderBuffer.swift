import NIOCore
import VolaryProtocol

/// One message as it came from Redis.
struct LogArrival: Hashable, Sendable {
    /// Nil when it was published without a place in the log.
    var position: LogPosition?
    /// Nil when it cannot be read: it is lost.
    let envelope: Envelope?
    let bytes: Int
    /// One connection brings offsets that rise: this one does not, so the log itself has gone back.
    var isRewound = false
}

/// Messages that wait until those before them have been read from the log, in the order of their arrival. Bounded by whoever fills it.
struct ReorderBuffer {
    private var arrivals = CircularBuffer<LogArrival>()
    private(set) var bytes = 0

    var count: Int { self.arrivals.count }
    var first: LogArrival? { self.arrivals.first }
    /// Those that no log has.
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

    /// Gives those of other epochs that have an offset, up to this one, the same offset in `epoch`.
    mutating func move(to epoch: UInt64, upTo offset: UInt64) {
        for index in self.arrivals.indices {
            guard let place = self.arrivals[index].position, place.offset <= offset else { continue }
            self.arrivals[index].position = LogPosition(epoch: epoch, offset: place.offset)
        }
    }

    mutating func removeAll() {
        self.arrivals.removeAll()
        self.bytes = 0
    }
}
