import NIOCore
import VolaryProtocol

/// The stored form of an entry of a session's own topic. All integers are big-endian.
///
/// A publication is its envelope, which begins with "V". A change of the session is:
///
///     offset  bytes
///     0       1      "C"
///     1       1      the format of the node that wrote it, as in envelopes
///     2       1      the lowest format whose nodes can read it
///     3       1      kind: 1 joined, 2 left, 3 permissions, 4 state
///     4       1      the number of fields; this format has none
///     5       …      fields: tag 1, length 2, and that many bytes
///     …       …      1 and 2: the group's name; 3: per permission length 4, UTF-8; 4: the bytes
///
/// **Growth.** As in envelopes: a later format adds fields and kinds. Of those that a node does not know, it skips the ones whose
/// highest bit is set; an entry with others cannot be read, and a session that gets there cannot be recovered by this node.
enum ControlEntryCodec {
    private static let mark = UInt8(ascii: "C")
    /// Set in fields and kinds that a node may skip.
    private static let skippable: UInt8 = 0x80

    static func encode(_ entry: ControlEntry) -> ByteBuffer {
        var bytes = ByteBuffer()
        func writeHead(_ kind: UInt8) {
            let formats = FormatRange.own
            bytes.writeMultipleIntegers(self.mark, formats.highest, formats.lowest, kind, 0 as UInt8)
        }
        switch entry {
        case .joined(let group):
            writeHead(1)
            bytes.writeString(group.text)
        case .left(let group):
            writeHead(2)
            bytes.writeString(group.text)
        case .permissions(let permissions):
            writeHead(3)
            bytes.writeImmutableBuffer(self.encode(permissions))
        case .state(let state):
            writeHead(4)
            bytes.writeImmutableBuffer(state)
        }
        return bytes
    }

    static func decode(_ bytes: ByteBuffer) -> LogEntry.Content {
        guard bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) == self.mark else {
            return HubFrame.content(envelope: bytes)
        }
        return self.change(bytes) ?? .unreadable
    }

    private static func change(_ bytes: ByteBuffer) -> LogEntry.Content? {
        var body = bytes
        guard let (_, format, lowest, kind) = body.readMultipleIntegers(as: (UInt8, UInt8, UInt8, UInt8).self),
            FormatRange.own.overlaps(FormatRange(lowest: lowest, highest: format)), self.skipFields(of: &body)
        else { return nil }
        switch kind {
        case 1: return body.name.map { .control(.joined($0)) }
        case 2: return body.name.map { .control(.left($0)) }
        case 3: return self.permissions(body).map { .control(.permissions($0)) }
        case 4: return .control(.state(body))
        default: return kind & self.skippable != 0 ? .other : nil
        }
    }

    /// - Returns: false if they cannot be skipped.
    private static func skipFields(of bytes: inout ByteBuffer) -> Bool {
        guard let count = bytes.readInteger(as: UInt8.self) else { return false }
        for _ in 0..<count {
            guard let (tag, length) = bytes.readMultipleIntegers(as: (UInt8, UInt16).self), tag & self.skippable != 0,
                bytes.readSlice(length: Int(length)) != nil
            else { return false }
        }
        return true
    }

    /// As in an entry, and in a session's record.
    static func encode(_ permissions: Set<UTF8Text>) -> ByteBuffer {
        var bytes = ByteBuffer()
        for permission in permissions.sorted() {
            bytes.writeInteger(UInt32(permission.utf8.count))
            bytes.writeString(permission.string)
        }
        return bytes
    }

    static func permissions(_ bytes: ByteBuffer) -> Set<UTF8Text>? {
        var bytes = bytes
        var permissions: Set<UTF8Text> = []
        while bytes.readableBytes > 0 {
            guard let length = bytes.readInteger(as: UInt32.self), let text = bytes.readSlice(length: Int(length)) else {
                return nil
            }
            permissions.insert(UTF8Text(String(buffer: text)))
        }
        return permissions
    }
}

extension ByteBuffer {
    /// All bytes as a name.
    var name: AudienceName? { String(validating: self.readableBytesView, as: UTF8.self).flatMap { AudienceName($0) } }
}
