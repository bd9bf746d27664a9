import NIOCore
import VolaryProtocol

/// Says what became of one action. To be called once, from any thread: until then the action counts as unfinished, and with
/// ``UnfinishedActions/maximum`` of them the client is not listened to.
struct ActionCompletion: Sendable {
    private let connection: NIOLoopBound<Connection>
    private let eventLoop: any EventLoop
    private let ackID: UInt64?
    private let bytes: Int

    /// - Parameter bytes: of the message that asked for the action.
    init(connection: Connection, ackID: UInt64?, bytes: Int) {
        self.eventLoop = connection.shard.eventLoop
        self.connection = NIOLoopBound(connection, eventLoop: self.eventLoop)
        self.ackID = ackID
        self.bytes = bytes
    }

    /// - Parameter pause: how long the action goes on counting as unfinished, as long as the connection is open.
    func callAsFunction(_ result: ActionResult, pause: TimeAmount = .zero) {
        if self.eventLoop.inEventLoop {
            self.complete(result, pause)
        } else {
            self.eventLoop.execute { self.complete(result, pause) }
        }
    }

    private func complete(_ result: ActionResult, _ pause: TimeAmount) {
        let connection = self.connection.value
        switch result {
        case .success where self.ackID == nil: break
        case .success, .failure: connection.tell(result, ackID: self.ackID)
        }
        // One that is gone has sent all that it will.
        guard pause > .zero, connection.isOpen else { return connection.finished(bytes: self.bytes) }
        self.eventLoop.assumeIsolated().scheduleTask(in: pause) { connection.finished(bytes: self.bytes) }
    }
}
