import NIOCore
import VolaryProtocol

/// The stored form of an entry of a session's own topic. All integers are big-endian.
///
/// A publication is its envelope, which begins with "V". A change of the session is:
///
///     offset  bytes
///     0       1      "C"
///     1       1      the lowest format whose nodes can read it, 1
///     2       1      kind: 1 joined, 2 left, 3 permissions, 4 state
///     3       …      1 and 2: the group's name; 3: per permission length 4, UTF-8; 4: the bytes
enum ControlEntryCodec {
    private static let mark = UInt8(ascii: "C")
    private static let format: UInt8 = 1

    static func encode(_ entry: ControlEntry) -> ByteBuffer {
        var bytes = ByteBuffer()
        func writeHead(_ kind: UInt8) { bytes.writeMultipleIntegers(self.mark, self.format, kind) }
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

    /// - Returns: nil for bytes that this node cannot read.
    static func decode(_ bytes: ByteBuffer) -> LogEntry.Content? {
        var body = bytes
        guard let (mark, lowest, kind) = body.readMultipleIntegers(as: (UInt8, UInt8, UInt8).self), mark == self.mark else {
            return HubFrame.content(envelope: bytes)
        }
        guard lowest <= self.format else { return nil }
        switch kind {
        case 1: return body.name.map { .control(.joined($0)) }
        case 2: return body.name.map { .control(.left($0)) }
        case 3: return self.permissions(body).map { .control(.permissions($0)) }
        case 4: return .control(.state(body))
        default: return nil
        }
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
            guard let length = bytes.readInteger(as: UInt32.self), let text = bytes.readSlice(length: Int(length)) else { return nil }
            permissions.insert(UTF8Text(String(buffer: text)))
        }
        return permissions
    }
}

extension ByteBuffer {
    /// All bytes as a name.
    var name: AudienceName? { String(validating: self.readableBytesView, as: UTF8.self).flatMap { AudienceName($0) } }
}
