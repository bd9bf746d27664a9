import DequeModule
import NIOCore
import VolaryProtocol

/// What a client has sent by requests of their own: handled in order, and bounded. Belongs to the connection's event loop.
///
/// Each body is passed to the connection as a message. As for the messages of a WebSocket, the session may find a part of a record in it, or
/// several. A request is answered once no more than ``unreadBytes`` of the client are not handled: this holds up a client that sends faster
/// than its messages are handled.
final class PostedInput {
    /// Bytes that wait while requests are answered: 64 KiB.
    static let unreadBytes = 64 * 1024
    /// Requests that wait for their answers: 16. Clients send one after the other.
    static let maximumWaiting = 16
    /// Bytes that wait, exceeded by at most one body: 1 MiB.
    static let maximumBytes = 1024 * 1024

    private struct Post {
        var message: ClientMessage
        let byteCount: Int
        var isBegun = false
        /// nil once answered.
        var done: ((TransportAnswer.Outcome) -> Void)?
    }

    private var posts: Deque<Post> = []
    private var bytes = 0
    private var isInTurn = false
    private var isQueued = false
    /// - Parameter done: called once, at once or later.
    func post(_ bytes: ByteBuffer, to connection: Connection, done: @escaping (TransportAnswer.Outcome) -> Void) {
        // As long as the last messages wait for the client, there is a connection, and it takes nothing.
        guard connection.isOpen else { return done(.taken) }
        guard bytes.readableBytes > 0 else { return done(.taken) }
        guard self.posts.count(where: { $0.done != nil }) < Self.maximumWaiting, self.bytes <= Self.maximumBytes else {
            return done(.tooMany)
        }
        connection.input.meter?.read(bytes.readableBytes)
        self.bytes += bytes.readableBytes
        self.posts.append(Post(message: .binary(bytes), byteCount: bytes.readableBytes, done: done))
        self.resume(connection)
    }

    /// Handles what waits, as far as the connection has room.
    func resume(_ connection: Connection) {
        guard !self.isInTurn, !self.isQueued, !self.posts.isEmpty else { return }
        self.isInTurn = true
        var budget = TurnBudget()
        while !budget.isSpent, connection.isOpen, connection.hasRoom, connection.transport.isWritable, !self.posts.isEmpty {
            budget.tookPart()
            self.handleNext(of: connection, &budget)
        }
        self.isInTurn = false
        guard connection.isOpen else { return self.end() }
        if self.bytes <= Self.unreadBytes { self.answerAll(.taken) }
        guard budget.isSpent, !self.posts.isEmpty else { return }
        self.isQueued = true
        connection.shard.turns.append {
            self.isQueued = false
            self.resume(connection)
        }
    }

    private func handleNext(of connection: Connection, _ budget: inout TurnBudget) {
        // Taken out, so that its bytes have one owner.
        guard var post = self.posts.popFirst() else { return }
        let before = post.message.byteCount
        var rest: ClientMessage?
        do throws(ProtocolViolation) {
            if post.isBegun {
                rest = try connection.receivedRest(post.message)
            } else if connection.isWithinRate() {
                rest = try connection.received(post.message)
            }
        } catch {
            let maximum = (connection.session as? SignalRSession)?.maximumRecordBytes ?? .max
            // A shorter body may end a longer record, too, and a longer one may have something else wrong. Neither is worth telling apart.
            let isTooLarge = error != .signalRClosed && post.byteCount > maximum
            self.bytes -= before
            connection.close(.violation(error))
            post.done?(isTooLarge ? .tooLarge : .taken)
            return
        }
        let after = rest?.byteCount ?? 0
        budget.completed(bytes: before - after)
        self.bytes -= before - after
        if let rest {
            post.message = rest
            post.isBegun = true
            self.posts.prepend(post)
        } else {
            post.done?(.taken)
        }
    }

    private func answerAll(_ outcome: TransportAnswer.Outcome) {
        for index in self.posts.indices { self.posts[index].done.take()?(outcome) }
    }

    /// Drops what is not handled: the connection ends.
    func end() {
        let posts = self.posts
        self.posts = []
        self.bytes = 0
        for post in posts { post.done?(.taken) }
    }
}

@available(*, unavailable)
extension PostedInput: Sendable {}
