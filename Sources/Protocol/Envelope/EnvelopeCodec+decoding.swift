import NIOCore

extension EnvelopeCodec {
    static func decode(_ input: ByteBuffer) throws(EnvelopeError) -> Envelope {
        guard input.readableBytes <= Limits.maximumEnvelopeBytes else { throw .tooLarge }
        var bytes = input
        guard let magic = bytes.readInteger(as: UInt8.self), magic == self.magic else { throw .notAnEnvelope }
        guard let version = bytes.readInteger(as: UInt8.self) else { throw .truncated }
        guard version == self.version else { throw .unsupportedVersion(version) }
        guard let (rawType, origin, sequence) = bytes.readMultipleIntegers(as: (UInt8, UInt32, UInt64).self) else {
            throw .truncated
        }
        guard let type = MessageType(rawValue: rawType & 0x0F) else { throw .invalid(field: "type") }
        let message: NodeMessage
        switch type {
        case .publication: message = .publication(try self.decodePublication(&bytes))
        case .receipts: message = .receipts(try self.decodeReceipts(&bytes))
        case .close: message = .close(try self.decodeClose(&bytes))
        case .membership: message = .membership(try self.decodeMembership(&bytes))
        case .drain: message = .drain(try self.decodeID(&bytes))
        case .probe: message = .probe(try self.decodeID(&bytes))
        }
        return Envelope(origin: NodeID(rawValue: origin), sequence: sequence, message: message, attempt: rawType >> 4)
    }

    static func mayConcernClients(_ bytes: ByteBuffer) -> Bool {
        guard bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) == self.magic else { return false }
        let rawType = bytes.getInteger(at: bytes.readerIndex + 2, as: UInt8.self)
        return rawType.map { $0 & 0x0F } != MessageType.receipts.rawValue
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
        guard flags & ~Flag.known == 0, (flags & Flag.audiences).nonzeroBitCount <= 1, flags & Flag.receipts != Flag.receipts
        else { throw .invalid(field: "flags") }
        let sender = flags & Flag.hasSender == 0 ? nil : try bytes.readID(of: ConnectionKind.self)
        let audience: Audience =
            switch flags & Flag.audiences {
            case Flag.forConnection: .connection(try bytes.readID(of: ConnectionKind.self))
            case Flag.forGroup: .group(try bytes.readName(field: "group"))
            case Flag.forUser: .user(try bytes.readName(field: "user"))
            default: .all
            }
        let confirmation: Publication.Confirmation =
            switch flags & Flag.receipts {
            case Flag.wantsReceipt: .routed
            case Flag.wantsReceiptOnceWritten: .written(milliseconds: try bytes.readMilliseconds())
            default: .none
            }
        let payload = bytes.readSlice(length: bytes.readableBytes) ?? ByteBuffer()
        if dataType != .binary, !payload.isWellFormedUTF8 { throw .invalid(field: "payload") }
        return Publication(
            id: id,
            kind: kind,
            sender: sender,
            hub: .default,
            audience: audience,
            dataType: dataType,
            timestamp: timestamp,
            confirmation: confirmation,
            payload: payload
        )
    }

    private static func decodeMembership(_ bytes: inout ByteBuffer) throws(EnvelopeError) -> MembershipRequest {
        let id = try bytes.readID(of: PublicationKind.self)
        let connection = try bytes.readID(of: ConnectionKind.self)
        guard let joins = bytes.readInteger(as: UInt8.self) else { throw .truncated }
        guard joins <= 1 else { throw .invalid(field: "joins") }
        let group = try bytes.readName(field: "group")
        guard bytes.readableBytes == 0 else { throw .trailingBytes }
        return MembershipRequest(id: id, hub: .default, connection: connection, group: group, joins: joins == 1)
    }

    private static func decodeID(_ bytes: inout ByteBuffer) throws(EnvelopeError) -> PublicationID {
        let id = try bytes.readID(of: PublicationKind.self)
        guard bytes.readableBytes == 0 else { throw .trailingBytes }
        return id
    }

    private static func decodeReceipts(_ bytes: inout ByteBuffer) throws(EnvelopeError) -> [Receipt] {
        guard let count = bytes.readInteger(as: UInt16.self) else { throw .truncated }
        guard count <= Limits.maximumReceiptsPerEnvelope else { throw .invalid(field: "count") }
        // Checked before memory is reserved, so that a false count reserves none.
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
        guard code.canSend else { throw .invalid(field: "code") }
        guard bytes.readableBytes <= Limits.maximumCloseReasonBytes, bytes.isWellFormedUTF8 else {
            throw .invalid(field: "reason")
        }
        return CloseRequest(id: id, hub: .default, connection: connection, code: code, reason: String(buffer: bytes))
    }
}

extension ByteBuffer {
    fileprivate mutating func readID<Kind>(of: Kind.Type) throws(EnvelopeError) -> NodeScopedID<Kind> {
        guard let (high, low) = self.readMultipleIntegers(as: (UInt64, UInt64).self) else { throw .truncated }
        return NodeScopedID(high: high, low: low)
    }

    fileprivate mutating func readName(field: String) throws(EnvelopeError) -> AudienceName {
        guard let length = self.readInteger(as: UInt16.self) else { throw .truncated }
        guard length <= AudienceName.maximumBytes else { throw .invalid(field: field) }
        guard let bytes = self.readSlice(length: Int(length)) else { throw .truncated }
        guard bytes.isWellFormedUTF8, let name = AudienceName(String(buffer: bytes)) else { throw .invalid(field: field) }
        return name
    }

    fileprivate mutating func readMilliseconds() throws(EnvelopeError) -> UInt32 {
        guard let milliseconds = self.readInteger(as: UInt32.self) else { throw .truncated }
        return milliseconds
    }
}
