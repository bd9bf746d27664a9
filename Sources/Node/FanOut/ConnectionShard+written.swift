import NIOCore
import VolaryProtocol

extension ConnectionShard {
    /// Delivers publications. Finishes when all bytes have been handed to the kernel or the time is up, with the number of
    /// connections whose bytes have been.
    /// - Returns: what is left for further turns.
    func write(_ fanOut: FanOut, within time: TimeAmount) -> PartialFanOut? {
        // One publication: a connection whose protocol has no message for it gets no bytes.
        let count = WrittenCount { fanOut.finish($0) }
        func send(_ connection: Connection, _ bytes: ByteBuffer) -> Bool {
            let written = self.eventLoop.makePromise(of: Void.self)
            guard connection.send(bytes, written: written) else {
                written.fail(ChannelError.ioOnClosedChannel)
                return false
            }
            count.pending += 1
            written.futureResult.assumeIsolated().whenSuccess { count.written += 1 }
            written.futureResult.assumeIsolated().whenComplete { _ in
                count.pending -= 1
                count.finishIfDone()
            }
            return true
        }
        func done(_ reach: FanOutReach) {
            count.misses = reach.misses
            count.isComplete = true
            count.finishIfDone()
            guard count.pending > 0 else { return }
            count.deadline = self.eventLoop.assumeIsolated().scheduleTask(in: time) { count.finish() }
        }
        if let partial = self.divided(fanOut, send: send, done: done) { return partial }
        done(self.deliver(fanOut, send))
        return nil
    }
}

/// Bound to one event loop.
private final class WrittenCount {
    var pending = 0
    var written: UInt32 = 0
    var misses = FanOutMisses()
    /// Whether all connections are included in `pending`.
    var isComplete = false
    var deadline: Scheduled<Void>?
    private var done: ((FanOutReach) -> Void)?

    init(done: @escaping (FanOutReach) -> Void) {
        self.done = done
    }

    func finishIfDone() {
        if self.isComplete, self.pending == 0 { self.finish() }
    }

    func finish() {
        self.deadline?.cancel()
        self.done?(FanOutReach(connections: self.written, misses: self.misses))
        self.done = nil
    }
}
