import NIOCore

/// The binary form of an ``Envelope``. All integers big-endian.
///
///     offset  bytes
///     0       1      0x56, "V"
///     1       1      version, 1
///     2       1      type: 1 publication, 2 receipts, 3 close, 4 membership, 5 drain
///     3       4      origin
///     7       8      sequence
///     15      …      the message, to the end
///
///     publication  id 16, kind 1, data type 1, flags 1, timestamp 8, [sender 16], [audience], [written within 4, ms],
///                  payload to the end
///                  flags: 1 wants receipt, 2 has sender, 4 for one connection (16), 8 for a group (name), 16 for a user (name),
///                  32 wants receipt once written; at most one of 4, 8, 16, and one of 1, 32
///     name         length 2, bytes
///     receipts     count 2, then per receipt: id 16, connections 4
///     membership   id 16, connection 16, joins 1 (0 or 1), group (name)
///     close        id 16, connection 16, code 2, reason to the end
///     drain        id 16
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
        var bytes = allocator.buffer(capacity: Limits.envelopeHeaderBytes + 32)
        bytes.writeMultipleIntegers(self.magic, self.version, self.type(of: envelope.message).rawValue)
        bytes.writeMultipleIntegers(envelope.origin.rawValue, envelope.sequence)
        switch envelope.message {
        case .publication(let publication): self.encode(publication, into: &bytes)
        case .receipts(let receipts): self.encode(receipts, into: &bytes)
        case .close(let request): self.encode(request, into: &bytes)
        case .membership(let request): self.encode(request, into: &bytes)
        case .drain(let id): bytes.writeID(id)
        }
        return bytes
    }

    private static func type(of message: NodeMessage) -> MessageType {
        switch message {
        case .publication: .publication
        case .receipts: .receipts
        case .close: .close
        case .membership: .membership
        case .drain: .drain
        }
    }

    private static func encode(_ publication: Publication, into bytes: inout ByteBuffer) {
        bytes.reserveCapacity(minimumWritableBytes: 59 + publication.payload.readableBytes)
        bytes.writeID(publication.id)
        bytes.writeMultipleIntegers(
            publication.kind.rawValue,
            publication.dataType.rawValue,
            self.flags(of: publication),
            publication.timestamp
        )
        if let sender = publication.sender { bytes.writeID(sender) }
        switch publication.audience {
        case .all: break
        case .connection(let id): bytes.writeID(id)
        case .group(let name), .user(let name): bytes.writeName(name)
        }
        if case .written(let milliseconds) = publication.confirmation { bytes.writeInteger(milliseconds) }
        bytes.writeImmutableBuffer(publication.payload)
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

    private static func encode(_ request: MembershipRequest, into bytes: inout ByteBuffer) {
        bytes.writeID(request.id)
        bytes.writeID(request.connection)
        bytes.writeInteger(request.joins ? 1 : 0, as: UInt8.self)
        bytes.writeName(request.group)
    }

    private static func encode(_ receipts: [Receipt], into bytes: inout ByteBuffer) {
        precondition(receipts.count <= Limits.maximumReceiptsPerEnvelope, "the sender splits its receipts")
        bytes.writeInteger(UInt16(receipts.count))
        for receipt in receipts {
            bytes.writeID(receipt.id)
            bytes.writeInteger(receipt.connections)
        }
    }

    private static func encode(_ request: CloseRequest, into bytes: inout ByteBuffer) {
        bytes.writeID(request.id)
        bytes.writeID(request.connection)
        bytes.writeInteger(request.code.rawValue)
        bytes.writeString(request.reason)
    }
}

extension ByteBuffer {
    fileprivate mutating func writeID<Kind>(_ id: NodeScopedID<Kind>) {
        self.writeMultipleIntegers(id.high, id.low)
    }

    fileprivate mutating func writeName(_ name: Name) {
        self.writeInteger(UInt16(name.text.utf8.count))
        self.writeString(name.text)
    }
}
