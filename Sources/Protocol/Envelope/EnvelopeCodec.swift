import NIOCore

/// The binary form of an ``Envelope``, format 2. All integers are big-endian.
///
///     offset  bytes
///     0       1      0x56, "V"
///     1       1      the format of the node that wrote it
///     2       1      low 4 bits: type, 1 publication, 2 receipts, 3 close, 4 membership, 5 drain, 6 probe, 7 audience,
///                    8 permission, 12 transport request, 13 transport answer, 14 trace; high 4 bits: attempt.
///                    A later type that concerns clients is one of 9 to 11, another one is 15
///     3       1      the lowest format whose nodes can read it
///     4       4      origin
///     8       8      sequence
///     16      1      the number of fields
///     17      …      fields, in ascending order of their tags, no tag twice
///     …       …      the body, to the end
///
///     field        tag 1, length 2, and that many bytes
///     1 hub        UTF-8 in lower case; absent for the default hub. Publication, close, membership, audience,
///                permission, transport request
///     2 sender     id 16. Publication
///     3 connection id 16, 4 group UTF-8, 5 user UTF-8: the audience, at most one; none is for all. Publication, audience
///     6 confirm    the receipt that a publication wants: nothing for routed, 4 for written within that many milliseconds
///     7 from user  UTF-8: user id of the sender. Publication
///     8 metadata   per entry: key length 2, key, value length 2, value, at least one. Publication
///     9 lifetime   2: seconds after the timestamp, above 0. Publication
///     10 excluded  per connection: id 16, in ascending order, at least one. Publication, audience
///     11 filter    UTF-8: a condition on the connections of the audience. Publication, audience
///
///     publication  id 16, kind 1, data type 1, timestamp 8, payload to the end
///                  data type: 1 text, 2 binary, 3 JSON, 4 protobuf
///     receipts     count 2, then per receipt: id 16, connections 4
///     close        id 16, connection 16, code 2, reason to the end
///     membership   id 16, connection 16, joins 1 (0 or 1), group to the end
///     drain        id 16
///     probe        id 16
///     audience     id 16, timestamp 8, action 1; action 1 close: text to the end; 2 join and 3 leave: per group length 2, UTF-8;
///                  4 leave all groups
///     permission   id 16, connection 16, action 1 (1 grant, 2 revoke, 3 check), permission 1 (1 join and leave, 2 send), group to
///                  the end, empty for all groups
///     transport    id 16, connection 16, action 1 (1 post, 2 poll, 3 delete, 4 abandon, 5 written, 6 not written), user length 2,
///     request      UTF-8, of a post: bytes to the end
///     transport    id 16, outcome 1, bytes to the end
///     answer
///     trace        id 16, kind 1: 1 question, id 16 of a publication, UTF-8 to the end; 2 answer, UTF-8 to the end
///
/// **Growth.** Bodies and the first 17 bytes stay as they are; a later format adds fields and types. A node skips a field whose tag
/// it does not know if the tag's highest bit is set, and cannot read the envelope otherwise. A node of format `f` can read an
/// envelope if `f` is at least the lowest format at offset 3, so nodes of two formats can share a cluster as long as the later ones
/// write what the earlier ones can read. The first four bytes are the same in every format: a node must know whether an envelope
/// that it cannot read was meant for clients.
///
/// Decoding is total: any bytes give an envelope or an ``EnvelopeError``, in time and memory linear in their number. Apart from
/// skipped fields and the first four bytes of other formats, an envelope has exactly one form.
enum EnvelopeCodec {
    static let magic: UInt8 = 0x56
    static let format: UInt8 = 2
    /// The lowest format that this node reads, and the lowest whose nodes can read what it writes.
    static let lowestFormat: UInt8 = 2
    /// Set in the tag of a field that a node may skip.
    static let skippable: UInt8 = 0x80

    enum MessageType: UInt8 {
        case publication = 1
        case receipts = 2
        case close = 3
        case membership = 4
        case drain = 5
        case probe = 6
        case audience = 7
        case permission = 8
        case transportRequest = 12
        case transportAnswer = 13
        case trace = 14
    }

    enum Tag: UInt8 {
        case hub = 1
        case sender = 2
        case connection = 3
        case group = 4
        case user = 5
        case confirmation = 6
        case senderUser = 7
        case metadata = 8
        case lifetime = 9
        case excluded = 10
        case filter = 11
    }

    /// The kinds of ``AudienceCommand/Action``.
    enum AudienceAction: UInt8 {
        case close = 1
        case join = 2
        case leave = 3
        case leaveAll = 4
    }

    static let fieldHeaderBytes = 3
    static let idBytes = 16

    // MARK: - Encoding

    static func encode(_ envelope: Envelope, allocator: ByteBufferAllocator) -> ByteBuffer {
        let size = EnvelopeSize(of: envelope.message)
        let count = Limits.envelopeHeaderBytes + 1 + size.fieldBytes + size.bodyBytes
        var bytes = allocator.buffer(capacity: count)
        bytes.write(atMost: count) { writer in
            writer.write(self.magic)
            writer.write(self.format)
            writer.write(self.type(of: envelope.message).rawValue | envelope.attempt << 4)
            writer.write(self.lowestFormat)
            writer.write(envelope.origin.rawValue)
            writer.write(envelope.sequence)
            writer.write(UInt8(size.fields))
            switch envelope.message {
            case .publication(let publication): self.encode(publication, to: &writer)
            case .receipts(let receipts): self.encode(receipts, to: &writer)
            case .close(let request): self.encode(request, to: &writer)
            case .membership(let request): self.encode(request, to: &writer)
            case .audience(let command): self.encode(command, to: &writer)
            case .permission(let request): self.encode(request, to: &writer)
            case .drain(let id), .probe(let id): writer.write(id)
            case .transportRequest(let request): self.encode(request, to: &writer)
            case .transportAnswer(let answer): self.encode(answer, to: &writer)
            case .trace(let trace): self.encode(trace, to: &writer)
            }
        }
        return bytes
    }

    static func countAttempt(in bytes: inout ByteBuffer) {
        let index = bytes.readerIndex + 2
        guard let byte = bytes.getInteger(at: index, as: UInt8.self) else { return }
        bytes.setInteger(byte &+ 0x10, at: index)
    }

    private static func type(of message: NodeMessage) -> MessageType {
        switch message {
        case .publication: .publication
        case .receipts: .receipts
        case .close: .close
        case .membership: .membership
        case .drain: .drain
        case .probe: .probe
        case .audience: .audience
        case .permission: .permission
        case .transportRequest: .transportRequest
        case .transportAnswer: .transportAnswer
        case .trace: .trace
        }
    }

    private static func encode(_ publication: Publication, to writer: inout ByteWriter) {
        writer.write(publication.hub)
        if let sender = publication.sender { writer.write(.sender, sender) }
        writer.write(publication.audience)
        switch publication.confirmation {
        case .none: break
        case .routed: writer.write(.confirmation, length: 0)
        case .written(let milliseconds):
            writer.write(.confirmation, length: 4)
            writer.write(milliseconds)
        }
        if let details = publication.details { writer.write(details) }
        writer.write(publication.id)
        writer.write(publication.kind.rawValue)
        writer.write(publication.dataType.rawValue)
        writer.write(publication.timestamp)
        writer.write(publication.payload)
    }

    private static func encode(_ request: MembershipRequest, to writer: inout ByteWriter) {
        writer.write(request.hub)
        writer.write(request.id)
        writer.write(request.connection)
        writer.write(UInt8(request.joins ? 1 : 0))
        writer.write(text: request.group.text)
    }

    private static func encode(_ receipts: [Receipt], to writer: inout ByteWriter) {
        precondition(receipts.count <= Limits.maximumReceiptsPerEnvelope, "more receipts than one envelope may carry")
        writer.write(UInt16(receipts.count))
        for receipt in receipts {
            writer.write(receipt.id)
            writer.write(receipt.connections)
        }
    }

    private static func encode(_ request: CloseRequest, to writer: inout ByteWriter) {
        writer.write(request.hub)
        writer.write(request.id)
        writer.write(request.connection)
        writer.write(request.code.rawValue)
        writer.write(text: request.reason)
    }
}

extension ByteWriter {
    mutating func write<Kind>(_ id: NodeScopedID<Kind>) {
        self.write(id.high)
        self.write(id.low)
    }

    /// Writes the beginning of a field.
    mutating func write(_ tag: EnvelopeCodec.Tag, length: Int) {
        self.write(tag.rawValue)
        self.write(UInt16(length))
    }

    mutating func write<Kind>(_ tag: EnvelopeCodec.Tag, _ id: NodeScopedID<Kind>) {
        self.write(tag, length: EnvelopeCodec.idBytes)
        self.write(id)
    }

    mutating func write(_ tag: EnvelopeCodec.Tag, _ name: AudienceName) {
        self.write(tag, length: name.byteCount)
        self.write(text: name.text)
    }

    /// Writes the field of a hub, unless it is the default one.
    mutating func write(_ hub: HubName) {
        guard !hub.isDefault else { return }
        self.write(.hub, length: hub.text.utf8.count)
        self.write(text: hub.text)
    }
}
