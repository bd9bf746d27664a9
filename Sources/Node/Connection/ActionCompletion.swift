import NIOCore
import VolaryProtocol

/// Reports the result of one action. Call exactly once, from any thread. Until the call the action counts as unfinished; at
/// ``UnfinishedActions/maximum`` unfinished actions the node handles no further messages of the client.
struct ActionCompletion: Sendable {
    private let connection: NIOLoopBound<Connection>
    private let eventLoop: any EventLoop
    private let ackID: AckID?
    private let bytes: Int

    /// - Parameter bytes: size of the message, or of its part, that requested the action.
    init(connection: Connection, ackID: AckID?, bytes: Int) {
        self.eventLoop = connection.shard.eventLoop
        self.connection = NIOLoopBound(connection, eventLoop: self.eventLoop)
        self.ackID = ackID
        self.bytes = bytes
    }

    /// - Parameter pause: additional time for which the action counts as unfinished, while the connection is open.
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
        // A closed connection sends no further messages, so a pause has no effect.
        guard pause > .zero, connection.isOpen else { return connection.finished(bytes: self.bytes) }
        self.eventLoop.assumeIsolated().scheduleTask(in: pause) { connection.finished(bytes: self.bytes) }
    }
}
