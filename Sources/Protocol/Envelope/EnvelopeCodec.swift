import NIOCore

/// The binary form of an ``Envelope``. All integers big-endian.
///
///     offset  bytes
///     0       1      0x56, "V"
///     1       1      version, 1
///     2       1      type: 1 publication, 2 receipts, 3 close
///     3       4      origin
///     7       8      sequence
///     15      …      the message, to the end
///
///     publication  id 16, kind 1, data type 1, flags 1 (1 wants receipt, 2 has sender, 4 has target), timestamp 8,
///                  [sender 16], [target 16], payload to the end
///     receipts     count 2, then per receipt: id 16, connections 4
///     close        id 16, connection 16, code 2, reason to the end
///
/// Decoding is total: any bytes give an envelope or an ``EnvelopeError``, in time and memory linear in their number.
enum EnvelopeCodec {
    static let magic: UInt8 = 0x56
    static let version: UInt8 = 1

    private enum MessageType: UInt8 {
        case publication = 1
        case receipts = 2
        case close = 3
    }

    private enum Flag {
        static let wantsReceipt: UInt8 = 1
        static let hasSender: UInt8 = 2
        static let hasTarget: UInt8 = 4
        static let known: UInt8 = 7
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
        }
        return bytes
    }

    private static func type(of message: NodeMessage) -> MessageType {
        switch message {
        case .publication: .publication
        case .receipts: .receipts
        case .close: .close
        }
    }

    private static func encode(_ publication: Publication, into bytes: inout ByteBuffer) {
        var flags: UInt8 = publication.wantsReceipt ? Flag.wantsReceipt : 0
        if publication.sender != nil { flags |= Flag.hasSender }
        if publication.target != nil { flags |= Flag.hasTarget }
        bytes.reserveCapacity(minimumWritableBytes: 59 + publication.payload.readableBytes)
        bytes.writeID(publication.id)
        bytes.writeMultipleIntegers(publication.kind.rawValue, publication.dataType.rawValue, flags, publication.timestamp)
        if let sender = publication.sender { bytes.writeID(sender) }
        if let target = publication.target { bytes.writeID(target) }
        bytes.writeImmutableBuffer(publication.payload)
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

    // MARK: - Decoding

    static func decode(_ input: ByteBuffer) throws(EnvelopeError) -> Envelope {
        guard input.readableBytes <= Limits.maximumEnvelopeBytes else { throw .tooLarge }
        var bytes = input
        guard let magic = bytes.readInteger(as: UInt8.self), magic == self.magic else { throw .notAnEnvelope }
        guard let version = bytes.readInteger(as: UInt8.self) else { throw .truncated }
        guard version == self.version else { throw .unsupportedVersion(version) }
        guard let (rawType, origin, sequence) = bytes.readMultipleIntegers(as: (UInt8, UInt32, UInt64).self) else {
            throw .truncated
        }
        guard let type = MessageType(rawValue: rawType) else { throw .invalid(field: "type") }
        let message: NodeMessage
        switch type {
        case .publication: message = .publication(try self.decodePublication(&bytes))
        case .receipts: message = .receipts(try self.decodeReceipts(&bytes))
        case .close: message = .close(try self.decodeClose(&bytes))
        }
        return Envelope(origin: NodeID(rawValue: origin), sequence: sequence, message: message)
    }

    private static func decodePublication(_ bytes: inout ByteBuffer) throws(EnvelopeError) -> Publication {
        let id = try bytes.readID(of: PublicationKind.self)
        guard
            let (rawKind, rawDataType, flags, timestamp) = bytes.readMultipleIntegers(
                as: (UInt8, UInt8, UInt8, Int64).self
            )
        else { throw .truncated }
        guard let kind = Publication.Kind(rawValue: rawKind) else { throw .invalid(field: "kind") }
        guard let dataType = Publication.DataType(rawValue: rawDataType) else { throw .invalid(field: "data type") }
        guard flags & ~Flag.known == 0 else { throw .invalid(field: "flags") }
        let sender = flags & Flag.hasSender == 0 ? nil : try bytes.readID(of: ConnectionKind.self)
        let target = flags & Flag.hasTarget == 0 ? nil : try bytes.readID(of: ConnectionKind.self)
        let payload = bytes.readSlice(length: bytes.readableBytes) ?? ByteBuffer()
        if dataType == .text, !payload.isWellFormedUTF8 { throw .invalid(field: "payload") }
        return Publication(
            id: id,
            kind: kind,
            sender: sender,
            target: target,
            dataType: dataType,
            timestamp: timestamp,
            wantsReceipt: flags & Flag.wantsReceipt != 0,
            payload: payload
        )
    }

    private static func decodeReceipts(_ bytes: inout ByteBuffer) throws(EnvelopeError) -> [Receipt] {
        guard let count = bytes.readInteger(as: UInt16.self) else { throw .truncated }
        guard count <= Limits.maximumReceiptsPerEnvelope else { throw .invalid(field: "count") }
        // Checked before anything is reserved: a count costs nothing that the bytes behind it do not pay for.
        guard bytes.readableBytes >= Int(count) * 20 else { throw .truncated }
        var receipts: [Receipt] = []
        receipts.reserveCapacity(Int(count))
        for _ in 0..<count {
            let id = try bytes.readID(of: PublicationKind.self)
            guard let connections = bytes.readInteger(as: UInt32.self) else { throw .truncated }
            receipts.append(Receipt(id: id, connections: connections))
        }
        guard bytes.readableBytes == 0 else { throw .trailingBytes }
        return receipts
    }

    private static func decodeClose(_ bytes: inout ByteBuffer) throws(EnvelopeError) -> CloseRequest {
        let id = try bytes.readID(of: PublicationKind.self)
        let connection = try bytes.readID(of: ConnectionKind.self)
        guard let rawCode = bytes.readInteger(as: UInt16.self) else { throw .truncated }
        let code = CloseCode(rawValue: rawCode)
        guard code.maySend else { throw .invalid(field: "code") }
        guard bytes.readableBytes <= Limits.maximumCloseReasonBytes, bytes.isWellFormedUTF8 else {
            throw .invalid(field: "reason")
        }
        return CloseRequest(id: id, connection: connection, code: code, reason: String(buffer: bytes))
    }
}

extension ByteBuffer {
    fileprivate mutating func writeID<Kind>(_ id: NodeScopedID<Kind>) {
        self.writeMultipleIntegers(id.high, id.low)
    }

    fileprivate mutating func readID<Kind>(of: Kind.Type) throws(EnvelopeError) -> NodeScopedID<Kind> {
        guard let (high, low) = self.readMultipleIntegers(as: (UInt64, UInt64).self) else { throw .truncated }
        return NodeScopedID(high: high, low: low)
    }
}
