import NIOCore

extension EnvelopeCodec {
    static func decode(_ input: ByteBuffer) throws(EnvelopeError) -> Envelope {
        guard input.readableBytes <= Limits.maximumEnvelopeBytes else { throw .tooLarge }
        var bytes = input
        guard let magic = bytes.readInteger(as: UInt8.self), magic == self.magic else { throw .notAnEnvelope }
        guard let (format, rawType, lowest) = bytes.readMultipleIntegers(as: (UInt8, UInt8, UInt8).self) else {
            throw .truncated
        }
        guard format >= self.lowestFormat, (self.lowestFormat...self.format).contains(lowest), lowest <= format else {
            throw .unsupportedFormat(format)
        }
        guard let type = MessageType(rawValue: rawType & 0x0F) else { throw .unknownType(rawType & 0x0F) }
        guard let (origin, sequence) = bytes.readMultipleIntegers(as: (UInt32, UInt64).self) else { throw .truncated }
        let fields = try EnvelopeFields(&bytes, of: type)
        let message: NodeMessage
        switch type {
        case .publication: message = .publication(try self.decodePublication(&bytes, fields))
        case .receipts: message = .receipts(try self.decodeReceipts(&bytes))
        case .close: message = .close(try self.decodeClose(&bytes, in: fields.hub))
        case .membership: message = .membership(try self.decodeMembership(&bytes, in: fields.hub))
        case .drain: message = .drain(try self.decodeID(&bytes))
        case .probe: message = .probe(try self.decodeID(&bytes))
        case .audience: message = .audience(try self.decodeAudience(&bytes, fields))
        case .permission: message = .permission(try self.decodePermission(&bytes, in: fields.hub))
        case .transportRequest: message = .transportRequest(try self.decodeTransportRequest(&bytes, in: fields.hub))
        case .transportAnswer: message = .transportAnswer(try self.decodeTransportAnswer(&bytes))
        case .trace: message = .trace(try self.decodeTrace(&bytes))
        }
        return Envelope(origin: NodeID(rawValue: origin), sequence: sequence, message: message, attempt: rawType >> 4)
    }

    /// Types of other formats are included: see the table.
    static func mayConcernClients(_ bytes: ByteBuffer) -> Bool {
        guard self.hasMagic(bytes) else { return false }
        guard let rawType = bytes.getInteger(at: bytes.readerIndex + 2, as: UInt8.self) else { return true }
        return switch rawType & 0x0F {
        case MessageType.receipts.rawValue, 12...15: false
        default: true
        }
    }

    static func hasMagic(_ bytes: ByteBuffer) -> Bool {
        bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) == self.magic
    }

    private static func decodePublication(
        _ bytes: inout ByteBuffer,
        _ fields: EnvelopeFields
    ) throws(EnvelopeError) -> Publication {
        let id = try bytes.readID(of: PublicationKind.self)
        guard let (rawKind, rawDataType, timestamp) = bytes.readMultipleIntegers(as: (UInt8, UInt8, Int64).self) else {
            throw .truncated
        }
        guard let kind = Publication.Kind(rawValue: rawKind) else { throw .invalid(field: "kind") }
        guard let dataType = Publication.DataType(rawValue: rawDataType) else { throw .invalid(field: "data type") }
        let payload = bytes.readSlice(length: bytes.readableBytes) ?? ByteBuffer()
        if dataType.isText, !payload.isWellFormedUTF8 { throw .invalid(field: "payload") }
        return Publication(
            id: id,
            kind: kind,
            sender: fields.sender,
            hub: fields.hub,
            audience: fields.audience,
            dataType: dataType,
            timestamp: timestamp,
            confirmation: fields.confirmation,
            details: fields.details,
            payload: payload
        )
    }

    private static func decodeMembership(
        _ bytes: inout ByteBuffer,
        in hub: HubName
    ) throws(EnvelopeError) -> MembershipRequest {
        let id = try bytes.readID(of: PublicationKind.self)
        let connection = try bytes.readID(of: ConnectionKind.self)
        guard let joins = bytes.readInteger(as: UInt8.self) else { throw .truncated }
        guard joins <= 1 else { throw .invalid(field: "joins") }
        let group = try bytes.readName(bytes.readableBytes, field: "group")
        return MembershipRequest(id: id, hub: hub, connection: connection, group: group, joins: joins == 1)
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

    private static func decodeClose(_ bytes: inout ByteBuffer, in hub: HubName) throws(EnvelopeError) -> CloseRequest {
        let id = try bytes.readID(of: PublicationKind.self)
        let connection = try bytes.readID(of: ConnectionKind.self)
        guard let rawCode = bytes.readInteger(as: UInt16.self) else { throw .truncated }
        let code = CloseCode(rawValue: rawCode)
        guard code.canSend else { throw .invalid(field: "code") }
        guard bytes.readableBytes <= Limits.maximumCloseReasonBytes, bytes.isWellFormedUTF8 else {
            throw .invalid(field: "reason")
        }
        return CloseRequest(id: id, hub: hub, connection: connection, code: code, reason: String(buffer: bytes))
    }
}
