import NIOCore
import VolaryProtocol

enum EnvelopeFuzz {
    /// A decoded envelope is encoded to the same bytes, and decoded to the same envelope again. Of a later format, or with fields
    /// that this node skips, the bytes are those of this format without these fields.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        let bytes = ByteBuffer(bytes: input)
        guard let envelope = try? Envelope(decoding: bytes) else { return }
        let written = envelope.encoded()
        let isLaterFormat = bytes.getInteger(at: 1, as: UInt8.self) != written.getInteger(at: 1, as: UInt8.self)
        try hold(
            written == bytes || written.readableBytes < bytes.readableBytes || isLaterFormat,
            "\(envelope) is encoded to other bytes"
        )
        try hold((try? Envelope(decoding: written)) == envelope, "\(envelope) is decoded to another one")
    }

    static var seeds: [[UInt8]] {
        let node = NodeID(rawValue: 0x0102_0304)
        let (id, connection) = (PublicationID.random(on: node), ConnectionID.random(on: node))
        guard let name = AudienceName("/réd\u{301} 😀"), let hub = HubName("chat") else { return [] }
        let audiences: [Audience] = [.all, .connection(connection), .group(name), .user(name)]
        let confirmations: [Publication.Confirmation] = [.none, .routed, .written(milliseconds: 1000)]
        var messages: [NodeMessage] = [
            .receipts([]), .receipts([Receipt(id: id, connections: 7), Receipt(id: id, connections: Receipt.refused)]),
            .close(CloseRequest(id: id, hub: .default, connection: connection, code: .normal, reason: "enough")), .drain(id),
            .probe(id),
            .transportRequest(
                TransportRequest(id: id, hub: hub, connection: connection, user: name, action: .post(ByteBuffer(string: "{}")))
            ),
            .transportRequest(TransportRequest(id: id, hub: .default, connection: connection, user: nil, action: .written(true))),
            .transportAnswer(TransportAnswer(id: id, outcome: .data, body: ByteBuffer(string: "{}"))),
            .trace(TraceMessage(id: id, content: .question(id, facts: ByteBuffer(string: "{}")))),
            .trace(TraceMessage(id: id, content: .answer(ByteBuffer(string: #"{"arrivals":[]}"#)))),
            .membership(MembershipRequest(id: id, hub: hub, connection: connection, group: name, joins: true)),
            .permission(
                PermissionRequest(id: id, hub: hub, connection: connection, action: .grant, permission: .sendToGroup, group: name)
            ),
        ]
        let details = PublicationDetails(
            senderUser: name,
            metadata: MessageMetadata([.init("trace", "a1"), .init("n", "")]) ?? MessageMetadata(),
            secondsToLive: 300,
            excluded: [connection, .random(on: node)],
            filter: try? PubSubFilter(parsing: "userId eq 'ann' and not ('spam' in groups)")
        )
        let actions: [AudienceCommand.Action] = [.close(text: "é"), .join([name, name]), .leave([name]), .leaveAll]
        for (action, audience) in zip(actions, audiences) {
            let selection = PublicationDetails(excluded: [connection], filter: details?.filter)
            messages.append(
                .audience(
                    AudienceCommand(id: id, hub: hub, audience: audience, selection: selection, timestamp: 1, action: action)
                )
            )
        }
        for (index, audience) in audiences.enumerated() {
            messages.append(
                .publication(
                    Publication(
                        id: id,
                        kind: .message,
                        sender: index.isMultiple(of: 2) ? connection : nil,
                        hub: index < 2 ? .default : hub,
                        audience: audience,
                        dataType: index == 1 ? .binary : .text,
                        timestamp: 1_781_330_401_000,
                        confirmation: confirmations[index % 3],
                        details: index == 3 ? details : nil,
                        payload: ByteBuffer(string: "Hello, €!")
                    )
                )
            )
        }
        let seeds = messages.map { Array(buffer: Envelope(origin: node, sequence: 9, message: $0).encoded()) }
        // Of the next format: a field more, of which this one knows that it may skip it.
        var next = seeds[3]
        next[1] += 1
        next[16] += 1
        next.insert(contentsOf: [0x93, 0, 2, 1, 2], at: 17)
        return seeds + [next]
    }
}
