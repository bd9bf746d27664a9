import NIOCore

/// Counts what waits in a channel to be written, so that many small writes cost no more memory than their connection may use. Belongs to
/// the channel's event loop.
///
/// A channel keeps up to some hundred bytes for each write that waits, and counts only its payload; the channel of an HTTP/2 stream does
/// not say how many bytes wait. But most writes do not wait, and a promise for each would cost time. So ``SocketOutput`` has a
/// backlog only for every ``interval``th write, and for all writes while the channel is not writable or counted ones wait. A write
/// waits until its promise is completed, which is when its last byte has gone to the kernel.
final class WriteBacklog {
    /// Writes of which one is counted: 256. At most so many wait without being counted, and the bytes below the channel's high-water
    /// mark.
    static let interval: UInt16 = 256
    /// Assumed memory of a write, without its bytes.
    static let overheadBytes = 256

    /// Bytes of the counted writes that wait, and ``overheadBytes`` for each.
    private(set) var bytes = 0
    /// Whether a counted write waits, so that reads from the client must wait. Becomes true after a write only, see ``written()``.
    private(set) var isBehind = false

    /// Counts a write.
    /// - Parameters:
    ///   - written: the promise of the write, if there is one.
    ///   - caughtUp: called when no counted write waits any more, if ``isBehind`` was true.
    /// - Returns: the promise to write with.
    func count(
        _ bytes: Int,
        _ written: EventLoopPromise<Void>?,
        on eventLoop: any EventLoop,
        caughtUp: @escaping () -> Void
    ) -> EventLoopPromise<Void> {
        let size = bytes + Self.overheadBytes
        self.bytes += size
        let promise = written ?? eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in
            self.bytes -= size
            guard self.bytes == 0, self.isBehind else { return }
            self.isBehind = false
            caughtUp()
        }
        return promise
    }

    /// Call after a counted write.
    func written() { self.isBehind = self.bytes > 0 }
}

@available(*, unavailable)
extension WriteBacklog: Sendable {}
