import NIOCore
import VolaryProtocol

/// Delivers publications to connections. On the shard's event loop.
extension ConnectionShard {
    func deliver(_ fanOut: FanOut) -> FanOutReach { self.deliver(fanOut) { $0.send($1) } }

    /// Sends publications to every connection of their audience, in the connection's encoding.
    /// - Parameter send: sends bytes to a connection. Returns false when the connection does not accept them.
    /// - Returns: the connections that accepted the bytes.
    @inline(__always)
    func deliver(_ fanOut: FanOut, _ send: (Connection, ByteBuffer) -> Bool) -> FanOutReach {
        let members = self.members(of: fanOut.audience.hub)
        guard let usual = self.anyConnection(of: fanOut.audience, among: members)?.encoding else { return FanOutReach() }
        let form = fanOut.form(usual, deflater: self.deflater)
        var forms = FanOutForms(fanOut, usual: usual, form: form)
        // The fast path of most connections.
        let bytes = form.bytes
        let selection = fanOut.selection
        let isShared =
            selection == nil && !usual.isDeflated && form.tails.isEmpty && form.omitted.isEmpty && bytes.readableBytes > 0
        var misses = FanOutMisses()
        let reached = self.deliver(to: fanOut.audience, among: members) { connection in
            if isShared, connection.encoding === usual {
                if send(connection, bytes) { return true }
                misses.missed(connection)
                return false
            }
            if let selection, !selection.selects(connection) {
                misses.excluded += 1
                return false
            }
            if self.deliver(&forms, to: connection, send) { return true }
            misses.missed(connection)
            return false
        }
        return FanOutReach(connections: reached, omissions: forms.omissions, misses: misses)
    }

    func deliver(_ forms: inout FanOutForms, to connection: Connection, _ send: (Connection, ByteBuffer) -> Bool) -> Bool {
        var form = forms.form(connection.encoding, deflater: self.deflater)
        if let uncompressed = connection.encoding.uncompressed, !connection.allowsDeflated(bytes: form.longest) {
            // The client's window is smaller than one of the messages, so all of them are sent uncompressed.
            form = forms.form(uncompressed, deflater: self.deflater)
        }
        // The client protocol has no message for any of the publications.
        guard form.bytes.readableBytes > 0 else { return false }
        let taken = self.deliver(form, to: connection, send)
        if taken, !form.omitted.isEmpty { forms.omitted(form.omitted, by: connection.encoding) }
        return taken
    }

    func deliver(_ form: EncodedForm, to connection: Connection, _ send: (Connection, ByteBuffer) -> Bool) -> Bool {
        guard !form.tails.isEmpty else { return send(connection, form.bytes) }
        // Set to nil during use: a second reference to the buffer would force a copy.
        var scratch = self.scratch.take() ?? ByteBuffer()
        form.copy(to: &scratch) { connection.writeTail(to: &$0) }
        let taken = send(connection, scratch)
        self.scratch = scratch
        return taken
    }

    func anyConnection(of target: HubAudience, among members: AudienceIndex?) -> Connection? {
        switch target.audience {
        case .all: members?.members.first
        case .connection(let id): self.connection(id, in: target.hub)
        case .group, .user: members?.connections(of: target.audience)?.first?.value
        }
    }

    /// Calls `send` with each connection of an audience.
    /// - Returns: how many times `send` returned true.
    func deliver(to target: HubAudience, _ send: (Connection) -> Bool) -> UInt32 {
        self.deliver(to: target, among: self.members(of: target.hub), send)
    }

    /// - Parameter members: of the audience's hub.
    @inline(__always)
    private func deliver(to target: HubAudience, among members: AudienceIndex?, _ send: (Connection) -> Bool) -> UInt32 {
        self.eventLoop.preconditionInEventLoop()
        var reached: UInt32 = 0
        switch target.audience {
        case .all:
            // The copy of the array keeps the connections alive, so that no delivery counts references.
            guard let members = members?.members else { return 0 }
            members.withUnsafeBufferPointer { members in
                for position in members.indices
                where Unmanaged.passUnretained(members[position])._withUnsafeGuaranteedRef({ send($0) }) { reached += 1 }
            }
        case .connection(let id):
            if let connection = self.connection(id, in: target.hub), send(connection) { reached += 1 }
        case .group, .user:
            guard let connections = members?.connections(of: target.audience) else { return 0 }
            for connection in connections.values where send(connection) { reached += 1 }
        }
        return reached
    }
}
