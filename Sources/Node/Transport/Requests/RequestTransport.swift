import NIOCore
import VolaryProtocol

/// A transport whose client sends by requests of their own, at any node: SignalR over event streams and long polling.
protocol RequestTransport: ClientTransport {
    /// What the client has posted and the connection has not handled.
    var posted: PostedInput { get }
}

extension Connection {
    /// Carries out a request of the client. On the connection's event loop.
    /// - Parameter answer: called once, at once or later, on the event loop; not for what needs no answer.
    func carryOut(
        _ request: TransportRequest,
        answer: @escaping (_ outcome: TransportAnswer.Outcome, _ body: ByteBuffer) -> Void
    ) {
        guard request.user == nil || request.user == self.user else { return answer(.otherUser, ByteBuffer()) }
        guard let transport = self.transport as? any RequestTransport else { return answer(.isWebSocket, ByteBuffer()) }
        let longPoll = transport as? LongPollTransport
        switch request.action {
        case .post(let bytes): transport.posted.post(bytes, to: self) { answer($0, ByteBuffer()) }
        case .poll:
            guard let longPoll else { return answer(.isEventStream, ByteBuffer()) }
            longPoll.poll(LongPollTransport.Poll(id: request.id, answer: answer))
        case .delete:
            guard let longPoll else { return answer(.isEventStream, ByteBuffer()) }
            longPoll.clientEnds()
            answer(.deleted, ByteBuffer())
        case .abandon: longPoll?.abandon(request.id)
        case .written(let isWritten): longPoll?.answered(request.id, isWritten: isWritten)
        }
    }
}
