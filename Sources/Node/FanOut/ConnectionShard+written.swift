import NIOCore
import VolaryProtocol

extension ConnectionShard {
    /// Delivers, and finishes with how many connections' bytes have left for the kernel: when all have, or when the time is up.
    func write(_ fanOut: FanOut, within time: TimeAmount) {
        let count = WrittenCount(done: fanOut.finish)
        _ = self.deliver(fanOut) { connection, bytes in
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
        count.isComplete = true
        count.finishIfDone()
        guard count.pending > 0 else { return }
        count.deadline = self.eventLoop.assumeIsolated().scheduleTask(in: time) { count.finish() }
    }
}

/// Lives on one event loop.
private final class WrittenCount {
    var pending = 0
    var written: UInt32 = 0
    /// Whether all connections have been counted into `pending`.
    var isComplete = false
    var deadline: Scheduled<Void>?
    private var done: ((UInt32) -> Void)?

    init(done: @escaping (UInt32) -> Void) {
        self.done = done
    }

    func finishIfDone() {
        if self.isComplete, self.pending == 0 { self.finish() }
    }

    func finish() {
        self.deadline?.cancel()
        self.done?(self.written)
        self.done = nil
    }
}
