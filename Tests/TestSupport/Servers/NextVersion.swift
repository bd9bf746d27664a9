public import NIOConcurrencyHelpers
public import NIOCore

/// Makes a node one of the next version, from the way to its Redis: what the node writes gets the next format's number and a field
/// that no node knows. Text in a message or a name makes it one of an unknown kind. Written without the product.
///
/// One for each connection, see ``TCPProxy/start(to:rewriting:)``.
public final class NextVersion: StreamRewriter {
    /// What was changed so far, as a test's proof that it took effect.
    public struct Tally: Sendable {
        public var envelopes = 0
        public var changes = 0
        public var records = 0
        /// The changes of scripts that were made, of ``NextVersion/scripts``.
        public var scripts: Set<String> = []
        public var unknown = 0

        public init() {}
    }

    /// In a message: of a kind that concerns clients. In the name of a group: a change of a session of such a kind.
    public static let unknownKind = "unknown kind"
    /// In a message: of a kind that is for nodes only.
    public static let unknownNote = "unknown note"

    /// Text of scripts that write hashes, entries of logs and values, and the same with a field more.
    public static let scripts: [String: String] = [
        "redis.pcall('HSET', key, 'fence', fence,": "redis.pcall('HSET', key, 'later', 'x', 'fence', fence,",
        "'p', previous, 'o', offset)": "'p', previous, 'o', offset, 'later', 'x')",
        "'o', offset, 'x', expiry)": "'o', offset, 'x', expiry, 'later', 'x')",
        ".. user .. reason .. state)": ".. user .. reason .. state .. 'later')",
        "redis.call('HSET', hub, 'epoch', epoch,": "redis.call('HSET', hub, 'later', 'x', 'epoch', epoch,",
        "redis.call('HSET', top, 'epoch', topic,": "redis.call('HSET', top, 'later', 'x', 'epoch', topic,",
        "redis.call('HSET', KEYS[3], 'number', number,": "redis.call('HSET', KEYS[3], 'later', 'x', 'number', number,",
    ]

    private static let (format, nextFormat): (UInt8, UInt8) = (2, 3)
    /// Tag 0x93, which may be skipped; length; two bytes.
    private static let field: [UInt8] = [0x93, 0, 2, 0x2A, 0xFF]

    private let tally: NIOLockedValueBox<Tally>
    private var commands = RedisCommandStream()

    public init(_ tally: NIOLockedValueBox<Tally>) {
        self.tally = tally
    }

    // MARK: - Commands

    public func rewrite(_ bytes: ByteBuffer) -> ByteBuffer {
        self.commands.append(bytes)
        var output = ByteBuffer()
        while let command = self.commands.next() { RedisCommandStream.encode(self.change(command), into: &output) }
        return output
    }

    private func change(_ command: [[UInt8]]) -> [[UInt8]] {
        var command = command
        let name = String(decoding: command[0], as: UTF8.self)
        let source = name == "SCRIPT" ? 2 : name == "EVAL" ? 1 : nil
        for index in command.indices.dropFirst() {
            command[index] = index == source ? self.script(command[index]) : self.written(command[index])
        }
        return command
    }

    private func script(_ source: [UInt8]) -> [UInt8] {
        var text = String(decoding: source, as: UTF8.self)
        for (old, new) in Self.scripts where text.contains(old) {
            text = text.replacing(old, with: new)
            self.tally.withLockedValue { _ = $0.scripts.insert(old) }
        }
        return Array(text.utf8)
    }

    // MARK: - What nodes write

    private func written(_ argument: [UInt8]) -> [UInt8] {
        switch argument.first {
        case UInt8(ascii: "V") where argument.count > 17 && argument[1] == Self.format && argument[3] == Self.format:
            return self.envelope(argument)
        case UInt8(ascii: "C") where argument.count > 5 && argument[1...2].allSatisfy { $0 == Self.format } && argument[4] == 0:
            return self.sessionChange(argument)
        case UInt8(ascii: "{"): return self.record(argument)
        default: return argument
        }
    }

    private func envelope(_ argument: [UInt8]) -> [UInt8] {
        var bytes = argument
        var end = 17
        for _ in 0..<bytes[16] { end += 3 + Int(bytes[end + 1]) << 8 + Int(bytes[end + 2]) }
        bytes.insert(contentsOf: Self.field, at: end)
        bytes[16] += 1
        bytes[1] = Self.nextFormat
        let text = String(decoding: bytes[end...], as: UTF8.self)
        let type: UInt8? = text.contains(Self.unknownKind) ? 9 : text.contains(Self.unknownNote) ? 15 : nil
        if let type { bytes[2] = bytes[2] & 0xF0 | type }
        self.tally.withLockedValue {
            $0.envelopes += 1
            $0.unknown += type == nil ? 0 : 1
        }
        return bytes
    }

    private func sessionChange(_ argument: [UInt8]) -> [UInt8] {
        var bytes = argument
        bytes.insert(contentsOf: Self.field, at: 5)
        (bytes[1], bytes[4]) = (Self.nextFormat, 1)
        let isUnknown = String(decoding: bytes[10...], as: UTF8.self) == Self.unknownKind
        if isUnknown { bytes[3] = 0x7F }
        self.tally.withLockedValue {
            $0.changes += 1
            $0.unknown += isUnknown ? 1 : 0
        }
        return bytes
    }

    /// A node's or a connection's, as JSON.
    private func record(_ argument: [UInt8]) -> [UInt8] {
        let text = String(decoding: argument, as: UTF8.self)
        guard text.contains(#""leaseMilliseconds""#) || text.hasPrefix(#"{"connectedAt""#) else { return argument }
        self.tally.withLockedValue { $0.records += 1 }
        let later = #"{"later":{"a":[1,null]},"# + text.dropFirst()
        return Array(later.replacing(#""highest":\#(Self.format)"#, with: #""highest":\#(Self.nextFormat)"#).utf8)
    }
}

@available(*, unavailable)
extension NextVersion: Sendable {}
