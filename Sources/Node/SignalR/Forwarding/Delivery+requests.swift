import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Requests of clients whose connections this node holds, and which another node has got.
extension Delivery {
    func carryOut(_ request: TransportRequest, from node: NodeID) {
        let (broker, connections) = (self.broker, self.connections)
        @Sendable func answer(_ outcome: TransportAnswer.Outcome, _ body: ByteBuffer = ByteBuffer()) {
            let answer = TransportAnswer(id: request.id, outcome: outcome, body: body)
            broker.publish(.transportAnswer(answer), to: .node(node)) { result in
                // The messages in it are lost.
                guard case .failure = result, body.readableBytes > 0 else { return }
                _ = connections.shard(of: request.connection)?.submit { shard in
                    let transport = shard.connection(request.connection, in: request.hub)?.transport as? LongPollTransport
                    transport?.answered(request.id, isWritten: false)
                }
            }
        }
        let isFound = self.connections.shard(of: request.connection)?.submit { shard in
            guard let connection = shard.connection(request.connection, in: request.hub) else {
                return request.action.wantsAnswer ? answer(.unknown) : ()
            }
            if request.action.wantsAnswer { answer(.accepted) }
            connection.carryOut(request) { outcome, body in answer(outcome, body) }
        }
        if isFound == nil, request.action.wantsAnswer { answer(.unknown) }
    }
}

extension TransportRequest.Action {
    fileprivate var wantsAnswer: Bool {
        switch self {
        case .post, .poll, .delete: true
        case .abandon, .written: false
        }
    }
}
