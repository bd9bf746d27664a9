import NIOCore

/// The binary form of an ``Envelope``. All integers are big-endian.
///
///     offset  bytes
///     0       1      0x56, "V"
///     1       1      version, 1
///     2       1      low 4 bits: type, 1 publication, 2 receipts, 3 close, 4 membership, 5 drain, 6 probe; high 4 bits:
///                    attempt.
///                    These three bytes are the same in every version: a node must know whether an envelope that it cannot
///                    read was meant for clients
///     3       4      origin
///     7       8      sequence
///     15      …      the message, to the end
///
///     publication  id 16, kind 1, data type 1, flags 1, timestamp 8, [sender 16], [audience], [written within 4, ms],
///                  payload to the end
///                  data type: 1 text, 2 binary, 3 JSON
///                  flags: 1 wants receipt, 2 has sender, 4 for one connection (16), 8 for a group (name), 16 for a user (name),
///                  32 wants receipt once written; at most one of 4, 8, 16, and one of 1, 32
///     name         length 2, UTF-8
///     receipts     count 2, then per receipt: id 16, connections 4
///     membership   id 16, connection 16, joins 1 (0 or 1), group (name)
///     close        id 16, connection 16, code 2, reason to the end
///     drain        id 16
///     probe        id 16
///
/// Decoding is total: any bytes give an envelope or an ``EnvelopeError``, in time and memory linear in their number.
enum EnvelopeCodec {
    static let magic: UInt8 = 0x56
    static let version: UInt8 = 1

    enum MessageType: UInt8 {
        case publication = 1
        case receipts = 2
        case close = 3
        case membership = 4
        case drain = 5
        case probe = 6
    }

    enum Flag {
        static let wantsReceipt: UInt8 = 1
        static let hasSender: UInt8 = 2
        static let forConnection: UInt8 = 4
        static let forGroup: UInt8 = 8
        static let forUser: UInt8 = 16
        static let wantsReceiptOnceWritten: UInt8 = 32
        static let audiences: UInt8 = 4 | 8 | 16
        static let receipts: UInt8 = 1 | 32
        static let known: UInt8 = 63
    }

    // MARK: - Encoding

    static func encode(_ envelope: Envelope, allocator: ByteBufferAllocator) -> ByteBuffer {
        let count = Limits.envelopeHeaderBytes + self.count(of: envelope.message)
        var bytes = allocator.buffer(capacity: count)
        bytes.write(atMost: count) { writer in
            writer.write(self.magic)
            writer.write(self.version)
            writer.write(self.type(of: envelope.message).rawValue | envelope.attempt << 4)
            writer.write(envelope.origin.rawValue)
            writer.write(envelope.sequence)
            switch envelope.message {
            case .publication(let publication): self.encode(publication, to: &writer)
            case .receipts(let receipts): self.encode(receipts, to: &writer)
            case .close(let request): self.encode(request, to: &writer)
            case .membership(let request): self.encode(request, to: &writer)
            case .drain(let id), .probe(let id): writer.write(id)
            }
        }
        return bytes
    }

    static func countAttempt(in bytes: inout ByteBuffer) {
        let index = bytes.readerIndex + 2
        guard let byte = bytes.getInteger(at: index, as: UInt8.self) else { return }
        bytes.setInteger(byte &+ 0x10, at: index)
    }

    /// The length of a message in bytes, by the table above.
    private static func count(of message: NodeMessage) -> Int {
        switch message {
        case .publication(let publication):
            let sender = publication.sender == nil ? 0 : 16
            let audience =
                switch publication.audience {
                case .all: 0
                case .connection: 16
                case .group(let name), .user(let name): 2 + name.byteCount
                }
            let within = if case .written = publication.confirmation { 4 } else { 0 }
            return 27 + sender + audience + within + publication.payload.readableBytes
        case .receipts(let receipts): return 2 + 20 * receipts.count
        case .close(let request): return 34 + request.reason.utf8.count
        case .membership(let request): return 35 + request.group.byteCount
        case .drain, .probe: return 16
        }
    }

    private static func type(of message: NodeMessage) -> MessageType {
        switch message {
        case .publication: .publication
        case .receipts: .receipts
        case .close: .close
        case .membership: .membership
        case .drain: .drain
        case .probe: .probe
        }
    }

    private static func encode(_ publication: Publication, to writer: inout ByteWriter) {
        writer.write(publication.id)
        writer.write(publication.kind.rawValue)
        writer.write(publication.dataType.rawValue)
        writer.write(self.flags(of: publication))
        writer.write(publication.timestamp)
        if let sender = publication.sender { writer.write(sender) }
        switch publication.audience {
        case .all: break
        case .connection(let id): writer.write(id)
        case .group(let name), .user(let name): writer.write(name)
        }
        if case .written(let milliseconds) = publication.confirmation { writer.write(milliseconds) }
        writer.write(publication.payload)
    }

    private static func flags(of publication: Publication) -> UInt8 {
        var flags: UInt8 =
            switch publication.confirmation {
            case .none: 0
            case .routed: Flag.wantsReceipt
            case .written: Flag.wantsReceiptOnceWritten
            }
        if publication.sender != nil { flags |= Flag.hasSender }
        switch publication.audience {
        case .all: break
        case .connection: flags |= Flag.forConnection
        case .group: flags |= Flag.forGroup
        case .user: flags |= Flag.forUser
        }
        return flags
    }

    private static func encode(_ request: MembershipRequest, to writer: inout ByteWriter) {
        writer.write(request.id)
        writer.write(request.connection)
        writer.write(UInt8(request.joins ? 1 : 0))
        writer.write(request.group)
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
        writer.write(request.id)
        writer.write(request.connection)
        writer.write(request.code.rawValue)
        writer.write(text: request.reason)
    }
}

extension ByteWriter {
    fileprivate mutating func write<Kind>(_ id: NodeScopedID<Kind>) {
        self.write(id.high)
        self.write(id.low)
    }

    fileprivate mutating func write(_ name: AudienceName) {
        self.write(UInt16(name.byteCount))
        self.write(text: name.text)
    }
}
