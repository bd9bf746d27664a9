import NIOCore
import VolaryProtocol

/// Publications to connections. On the shard's event loop.
extension ConnectionShard {
    func deliver(_ fanOut: FanOut) -> UInt32 { self.deliver(fanOut) { $0.send($1) } }

    /// Sends publications to every connection of their audience, in its encoding.
    /// - Parameter send: what sending is; gives false when the connection does not take the bytes.
    /// - Returns: how many connections took them.
    @inline(__always)
    func deliver(_ fanOut: FanOut, _ send: (Connection, ByteBuffer) -> Bool) -> UInt32 {
        // Neighbours mostly share an encoding: its form is at hand.
        var encoding: ClientEncoding?
        var form = EncodedForm()
        return self.deliver(to: fanOut.audience) { connection in
            if connection.encoding !== encoding {
                encoding = connection.encoding
                form = fanOut.form(connection.encoding, deflater: self.deflater)
            }
            if let uncompressed = connection.encoding.uncompressed, !connection.allowsDeflated(bytes: form.longest) {
                // Its window is smaller than a message: all of them go as they are.
                return self.send(fanOut.form(uncompressed, deflater: self.deflater), to: connection, send)
            }
            return self.send(form, to: connection, send)
        }
    }

    @inline(__always)
    private func send(_ form: EncodedForm, to connection: Connection, _ send: (Connection, ByteBuffer) -> Bool) -> Bool {
        // Nothing of it is for clients of this protocol.
        guard form.bytes.readableBytes > 0 else { return false }
        guard !form.tails.isEmpty else { return send(connection, form.bytes) }
        return self.send(filling: form, to: connection, send)
    }

    /// For protocols with a tail: the shared bytes and the connection's own leave in one write.
    private func send(filling form: EncodedForm, to connection: Connection, _ send: (Connection, ByteBuffer) -> Bool) -> Bool {
        // Emptied first: a second reference to the bytes would make the next use copy them.
        var scratch = self.scratch.take() ?? ByteBuffer()
        form.copy(to: &scratch) { connection.writeTail(to: $0) }
        let taken = send(connection, scratch)
        self.scratch = scratch
        return taken
    }

    /// Calls `send` with each connection of an audience until all have been called.
    /// - Returns: how many times it gave true.
    @inline(__always)
    func deliver(to audience: Audience, _ send: (Connection) -> Bool) -> UInt32 {
        self.eventLoop.preconditionInEventLoop()
        var reached: UInt32 = 0
        switch audience {
        case .all:
            for connection in self.index.members where send(connection) { reached += 1 }
        case .connection(let id):
            if let connection = self.connection(id), send(connection) { reached += 1 }
        case .group, .user:
            guard let connections = self.index.connections(of: audience) else { return 0 }
            for connection in connections.values where send(connection) { reached += 1 }
        }
        return reached
    }
}
