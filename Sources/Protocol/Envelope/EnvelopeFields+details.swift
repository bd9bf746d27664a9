import NIOCore

/// The fields of ``PublicationDetails`` that have been read. An object, so that envelopes without them cost nothing.
final class DetailFields {
    private var senderUser: AudienceName?
    private var metadata = MessageMetadata()
    private var secondsToLive: UInt16?
    private var excluded: [ConnectionID] = []
    private var filter: PubSubFilter?

    var details: PublicationDetails? {
        PublicationDetails(
            senderUser: self.senderUser,
            metadata: self.metadata,
            secondsToLive: self.secondsToLive,
            excluded: Set(self.excluded),
            filter: self.filter
        )
    }

    /// - Parameter length: at most the readable bytes.
    func read(_ tag: EnvelopeCodec.Tag, _ length: Int, from bytes: inout ByteBuffer) throws(EnvelopeError) {
        switch tag {
        case .senderUser: self.senderUser = try bytes.readName(length, field: "sender's user")
        case .metadata: self.metadata = try bytes.readMetadata(length)
        case .lifetime:
            guard length == 2, let seconds = bytes.readInteger(as: UInt16.self), seconds > 0 else {
                throw .invalid(field: "lifetime")
            }
            self.secondsToLive = seconds
        case .excluded: self.excluded = try bytes.readExcluded(length)
        case .filter: self.filter = try bytes.readFilter(length)
        case .hub, .sender, .connection, .group, .user, .confirmation: preconditionFailure("not a field of details")
        }
    }
}

@available(*, unavailable)
extension DetailFields: Sendable {}

extension ByteWriter {
    mutating func write(_ audience: Audience) {
        switch audience {
        case .all: break
        case .connection(let id): self.write(.connection, id)
        case .group(let name): self.write(.group, name)
        case .user(let name): self.write(.user, name)
        }
    }

    mutating func write(_ details: PublicationDetails) {
        if let user = details.senderUser { self.write(.senderUser, user) }
        if !details.metadata.isEmpty {
            self.write(.metadata, length: details.metadata.encodedBytes)
            for entry in details.metadata.entries {
                for text in [entry.key, entry.value] {
                    self.write(UInt16(text.utf8.count))
                    self.write(text: text.string)
                }
            }
        }
        if let seconds = details.secondsToLive {
            self.write(.lifetime, length: 2)
            self.write(seconds)
        }
        if !details.excluded.isEmpty {
            self.write(.excluded, length: EnvelopeCodec.idBytes * details.excluded.count)
            for id in details.excluded { self.write(id) }
        }
        if let filter = details.filter {
            self.write(.filter, length: filter.text.utf8.count)
            self.write(text: filter.text.string)
        }
    }
}

extension MessageMetadata {
    /// The length of its field: at most 40 KiB, with entries of 1 byte.
    var encodedBytes: Int { self.entries.reduce(0) { $0 + 4 + $1.key.utf8.count + $1.value.utf8.count } }
}

extension ByteBuffer {
    /// - Parameter length: at most the readable bytes, as below.
    fileprivate mutating func readMetadata(_ length: Int) throws(EnvelopeError) -> MessageMetadata {
        guard var field = self.readSlice(length: length) else { throw .truncated }
        var entries: [MessageMetadata.Entry] = []
        while field.readableBytes > 0 { entries.append(.init(try field.readText(), try field.readText())) }
        guard !entries.isEmpty, let metadata = MessageMetadata(entries) else { throw .invalid(field: "metadata") }
        return metadata
    }

    /// A text of ASCII: metadata has no other characters.
    private mutating func readText() throws(EnvelopeError) -> UTF8Text {
        guard let count = self.readInteger(as: UInt16.self), let bytes = self.readSlice(length: Int(count)),
            bytes.isWellFormedUTF8
        else { throw .invalid(field: "metadata") }
        return UTF8Text(String(buffer: bytes))
    }

    fileprivate mutating func readExcluded(_ length: Int) throws(EnvelopeError) -> [ConnectionID] {
        guard length > 0, length.isMultiple(of: EnvelopeCodec.idBytes),
            length <= EnvelopeCodec.idBytes * PublicationDetails.maximumExcluded
        else { throw .invalid(field: "excluded") }
        var excluded: [ConnectionID] = []
        excluded.reserveCapacity(length / EnvelopeCodec.idBytes)
        for _ in 0..<length / EnvelopeCodec.idBytes {
            let id = try self.readID(of: ConnectionKind.self)
            if let last = excluded.last, last >= id { throw .invalid(field: "excluded") }
            excluded.append(id)
        }
        return excluded
    }

    fileprivate mutating func readFilter(_ length: Int) throws(EnvelopeError) -> PubSubFilter {
        guard length <= PubSubFilter.maximumBytes, let bytes = self.readSlice(length: length), bytes.isWellFormedUTF8,
            let filter = try? PubSubFilter(parsing: UTF8Text(String(buffer: bytes)))
        else { throw .invalid(field: "filter") }
        return filter
    }
}
