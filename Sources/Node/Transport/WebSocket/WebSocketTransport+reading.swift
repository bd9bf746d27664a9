import NIOCore
import VolaryProtocol

/// Reading from the client: when bytes are handled, and when more are read.
extension WebSocketTransport {
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        // Also for bytes that are ignored: a client that sends data after its close frame would cost a new buffer for each
        // read.
        SharedReceiveAllocator.giveBack(bytes)
        guard let connection, self.canReceive else { return }
        connection.shard.traffic.received(bytes.readableBytes)
        connection.input.timeouts.sawTraffic()
        if self.input.isFree {
            self.pings.reset()
            self.takeTurn(&bytes, connection)
        }
        self.hold(bytes, context)
        self.settle()
    }

    private func hold(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        guard bytes.readableBytes > 0 else { return }
        guard self.input.hold(bytes) else {
            self.host.observer.clientGoneUnread()
            return context.close(promise: nil)
        }
        if self.input.hasSpentTurn { self.queueTurn() }
    }

    /// Handles as many pending bytes as the limits allow. Resumes reading when none are left.
    /// - Parameter isQueued: see ``takeTurn(_:_:isQueued:)``.
    func resume(isQueued: Bool = false) {
        self.handleHeld(isQueued: isQueued)
        self.settle()
        guard self.input.heldRead, !self.isClosed else { return }
        guard self.canRead else { return self.waitsWithReading() }
        self.input.heldRead = false
        self.continueReading()
    }

    private func continueReading() {
        if let connection, connection.input.timeouts.goesOnReading() { self.timeMessage(connection) }
        self.readNow()
    }

    private func handleHeld(isQueued: Bool = false) {
        guard !self.input.isEmpty, !self.input.isInTurn, !self.input.isQueued, self.mayHandle, let connection else { return }
        var bytes = self.input.take()
        self.takeTurn(&bytes, connection, isQueued: isQueued)
        if bytes.readableBytes > 0 {
            self.input.bytes = bytes
        } else {
            self.pings.reset()
        }
    }

    func queueTurn() {
        guard !self.input.isQueued, let connection else { return }
        self.input.isQueued = true
        connection.shard.turns.append(of: self.turns) {
            self.input.isQueued = false
            // The rest of a long reply. A publication may have taken it along; nothing is collected any more then, either.
            let hasRest = self.corkedBytes > 0
            self.uncork(atMost: TurnBudget.sentBytes)
            if hasRest { self.queueTurn() } else { self.resume(isQueued: true) }
        }
    }

    // MARK: - A client that is gone

    /// Reserves the event loop's budget for the unhandled bytes of a client that has disconnected. Drops the bytes if the
    /// budget has no room, or if a caller has closed the connection.
    func keepLeftovers(of connection: Connection) {
        if !self.canReceive { self.input.drop() }
        if self.input.isEmpty { return }
        if !self.closing.isDismissed, connection.shard.turns.leftovers.reserve(self.input.byteCount) {
            self.input.leftoverBytes = self.input.byteCount
        } else {
            self.input.drop()
            self.host.observer.clientGoneUnread()
        }
    }

    var hasLeftovers: Bool { self.isClosed && self.connection != nil && !self.closing.isDismissed }

    /// Drops the unhandled bytes of a client that has disconnected, because its connection is being closed.
    func dropLeftovers() {
        guard self.hasLeftovers else { return }
        self.closing.dismiss()
        self.input.drop()
        self.host.observer.clientGoneUnread()
        self.settle()
    }

    /// Ends the connection of a client that has disconnected, once all bytes it sent are handled, and the node's half of a stream
    /// whose client has ended its half.
    func settle() {
        guard !self.input.isInTurn else { return }
        guard self.isClosed else {
            if self.input.isEnded, self.input.isEmpty, self.closing.machine.inputEnded() { self.closeOutput() }
            return
        }
        self.handleHeld()
        guard self.input.isEmpty, let connection else { return }
        connection.shard.turns.leftovers.release(self.input.leftoverBytes)
        self.ended()
    }

    // MARK: - Back-pressure

    func read(context: ChannelHandlerContext) {
        self.handleHeld()
        if self.canRead {
            self.continueReading()
        } else {
            self.input.heldRead = true
            self.waitsWithReading()
        }
        self.settle()
    }

    /// A wait for a turn takes only milliseconds, so the timeouts keep running.
    private func waitsWithReading() {
        if !self.mayHandle { self.connection?.input.timeouts.stopsReading() }
    }

    private var canRead: Bool { self.input.isEmpty && !self.input.isInTurn && !self.input.isQueued && self.mayHandle }

    /// Messages of a client that does not read are not handled, because replies to it would accumulate. During the closing
    /// handshake reading continues, to receive the client's close frame.
    var mayHandle: Bool {
        guard let connection else { return true }
        guard !self.isClosed else { return connection.hasRoom }
        guard self.isOpen else { return true }
        return self.isWritable && connection.hasRoom
    }
}
