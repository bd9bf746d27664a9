import NIOCore

/// The fields of an envelope, as far as this node knows them.
struct EnvelopeFields {
    private(set) var hub = HubName.default
    private(set) var sender: ConnectionID?
    private(set) var audience = Audience.all
    private(set) var confirmation = Publication.Confirmation.none
    /// nil if there are no details, as in most publications.
    private var detailFields: DetailFields?

    var details: PublicationDetails? { self.detailFields?.details }

    /// Reads the number of fields, and the fields.
    @inline(__always)
    init(_ bytes: inout ByteBuffer, of type: EnvelopeCodec.MessageType) throws(EnvelopeError) {
        guard let count = bytes.readInteger(as: UInt8.self) else { throw .truncated }
        var last: UInt8 = 0
        for _ in 0..<count {
            guard let rawTag = bytes.readInteger(as: UInt8.self), let length = bytes.readInteger(as: UInt16.self),
                length <= bytes.readableBytes
            else { throw .truncated }
            guard rawTag > last else { throw .invalid(field: "tag") }
            last = rawTag
            if let tag = EnvelopeCodec.Tag(rawValue: rawTag) {
                guard type.permits(tag) else { throw .invalid(field: "tag") }
                try self.read(tag, Int(length), from: &bytes)
            } else if rawTag & EnvelopeCodec.skippable != 0 {
                bytes.moveReaderIndex(forwardBy: Int(length))
            } else {
                throw .unknownField(tag: rawTag)
            }
        }
    }

    /// - Parameter length: at most the readable bytes.
    @inline(__always)
    private mutating func read(_ tag: EnvelopeCodec.Tag, _ length: Int, from bytes: inout ByteBuffer) throws(EnvelopeError) {
        switch tag {
        case .hub: self.hub = try bytes.readHub(length)
        case .sender:
            guard length == EnvelopeCodec.idBytes else { throw .invalid(field: "sender") }
            self.sender = try bytes.readID(of: ConnectionKind.self)
        case .connection:
            guard length == EnvelopeCodec.idBytes else { throw .invalid(field: "connection") }
            self.audience = .connection(try bytes.readID(of: ConnectionKind.self))
        case .group: try self.takeAudience(.group(try bytes.readName(length, field: "group")))
        case .user: try self.takeAudience(.user(try bytes.readName(length, field: "user")))
        case .confirmation:
            switch length {
            case 0: self.confirmation = .routed
            case 4:
                guard let milliseconds = bytes.readInteger(as: UInt32.self) else { throw .truncated }
                self.confirmation = .written(milliseconds: milliseconds)
            default: throw .invalid(field: "confirmation")
            }
        case .senderUser, .metadata, .lifetime, .excluded, .filter:
            let fields = self.detailFields ?? DetailFields()
            self.detailFields = fields
            try fields.read(tag, length, from: &bytes)
        }
    }

    private mutating func takeAudience(_ audience: Audience) throws(EnvelopeError) {
        guard self.audience == .all else { throw .invalid(field: "audience") }
        self.audience = audience
    }
}

extension EnvelopeCodec.MessageType {
    fileprivate func permits(_ tag: EnvelopeCodec.Tag) -> Bool {
        switch self {
        case .publication: true
        case .audience:
            switch tag {
            case .hub, .connection, .group, .user, .excluded, .filter: true
            case .sender, .confirmation, .senderUser, .metadata, .lifetime: false
            }
        case .close, .membership, .permission, .transportRequest: tag == .hub
        case .receipts, .drain, .probe, .transportAnswer, .trace: false
        }
    }
}

extension ByteBuffer {
    mutating func readID<Kind>(of: Kind.Type) throws(EnvelopeError) -> NodeScopedID<Kind> {
        guard let (high, low) = self.readMultipleIntegers(as: (UInt64, UInt64).self) else { throw .truncated }
        return NodeScopedID(high: high, low: low)
    }

    /// - Parameter length: at most the readable bytes.
    mutating func readName(_ length: Int, field: String) throws(EnvelopeError) -> AudienceName {
        guard length <= AudienceName.maximumBytes, let bytes = self.readSlice(length: length), bytes.isWellFormedUTF8,
            let name = AudienceName(String(buffer: bytes))
        else { throw .invalid(field: field) }
        return name
    }

    /// A hub other than the default one, in lower case: each hub has one form.
    fileprivate mutating func readHub(_ length: Int) throws(EnvelopeError) -> HubName {
        guard length <= HubName.maximumBytes, let text = self.readString(length: length), let hub = HubName(text),
            hub.text == text, !hub.isDefault
        else { throw .invalid(field: "hub") }
        return hub
    }
}
