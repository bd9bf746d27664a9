import NIOCore
import VolaryProtocol

/// The live events of a reader that resumes: held back while older ones are read, then without those that were among them. Pure.
struct EventStreamReplay {
    private enum Phase {
        case reading
        /// Live events up to this position have been read.
        case read(Position)
        /// From now on all live events are new.
        case over
    }

    private var phase = Phase.reading
    private var held: [(events: ByteBuffer, written: EventLoopPromise<Void>?)] = []
    private(set) var heldBytes = 0

    var isOver: Bool { if case .over = self.phase { true } else { false } }

    /// - Returns: what may be written now; nil: the events are held back.
    mutating func live(_ events: ByteBuffer, written: EventLoopPromise<Void>?) -> ByteBuffer? {
        switch self.phase {
        case .reading:
            self.held.append((events, written))
            self.heldBytes += events.readableBytes
            return nil
        case .read(let position):
            let (rest, arePast) = EventStreamProtocol.events(events, behind: position)
            if arePast { self.phase = .over }
            return rest
        case .over: return events
        }
    }

    /// Everything up to a position has been read; nil: nothing can be read.
    /// - Returns: what was held back, without what was read.
    mutating func ended(at position: Position?) -> [(events: ByteBuffer, written: EventLoopPromise<Void>?)] {
        self.phase = position.map(Phase.read) ?? .over
        let held = self.takeHeld()
        return held.map { (self.live($0.events, written: nil) ?? $0.events, $0.written) }
    }

    /// The stream ends. The reader gets what has no position, such as the last event; it asks for the rest when it resumes.
    mutating func gaveUp() -> [(events: ByteBuffer, written: EventLoopPromise<Void>?)] {
        self.phase = .over
        let last = Position(epoch: .max, number: .max)
        return self.takeHeld().map { (EventStreamProtocol.events($0.events, behind: last).rest, $0.written) }
    }

    private mutating func takeHeld() -> [(events: ByteBuffer, written: EventLoopPromise<Void>?)] {
        defer { (self.held, self.heldBytes) = ([], 0) }
        return self.held
    }
}
