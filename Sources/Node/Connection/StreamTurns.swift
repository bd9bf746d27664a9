import NIOCore

/// The turns of one HTTP/2 connection: of its frames and of its streams, in order. Belongs to the connection's event loop.
///
/// Only a ``TurnQueue`` adds and takes them. A client may open a thousand streams. With a turn of its own, each would delay other connections like a client.
final class StreamTurns: Sendable {
    private let waiting: NIOLoopBoundBox<CircularBuffer<() -> Void>>

    init(on eventLoop: any EventLoop) {
        self.waiting = NIOLoopBoundBox(CircularBuffer(initialCapacity: 0), eventLoop: eventLoop)
    }

    /// - Returns: whether it is the only one that waits.
    func append(_ turn: @escaping () -> Void) -> Bool {
        self.waiting.value.append(turn)
        return self.waiting.value.count == 1
    }

    /// Takes the first turn.
    /// - Returns: whether another one waits.
    func takeTurn() -> Bool {
        self.waiting.value.first?()
        _ = self.waiting.value.popFirst()
        return !self.waiting.value.isEmpty
    }
}
