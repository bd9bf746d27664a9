import NIOCore

/// The members of a client's message that have a meaning. They are found first and read later, because `type`, which decides
/// how they are read, may be the last of them.
struct RequestMembers {
    enum Name: Int, CaseIterable {
        case type
        case group
        case event
        case dataType
        case data
        case noEcho
        case ackID
        case metadata
        case timeToLive
        case sequenceID

        init?(_ text: UTF8Text) {
            switch text {
            case "type": self = .type
            case "group": self = .group
            case "event": self = .event
            case "dataType": self = .dataType
            case "data": self = .data
            case "noEcho": self = .noEcho
            case "ackId": self = .ackID
            case "metadata": self = .metadata
            case "ttlSeconds": self = .timeToLive
            case "sequenceId": self = .sequenceID
            default: return nil
            }
        }
    }

    /// A well-formed value.
    private struct Value {
        let kind: JSONKind
        /// Place in the message.
        let range: Range<Int>
        /// The bytes of a string that has escapes.
        let unescaped: [UInt8]?
    }

    private let message: ByteBuffer
    private var values = [Value?](repeating: nil, count: Name.allCases.count)

    /// Reads the whole message.
    /// - Throws: for a text that is not a JSON object, and for a repeated member. Unknown members may be repeated; they are not
    ///   stored.
    init(_ message: ByteBuffer) throws(JSONScanner.Fault) {
        self.message = message
        self.values = try JSONScanner.scan(message) { scanner throws(JSONScanner.Fault) in
            var values = [Value?](repeating: nil, count: Name.allCases.count)
            guard try scanner.beginObject() else { return values }
            repeat {
                let text = try scanner.name()
                guard let name = Name(text) else {
                    try scanner.skip()
                    continue
                }
                guard values[name.rawValue] == nil else { throw .duplicate(text) }
                values[name.rawValue] = try Self.value(&scanner)
            } while try scanner.nextMember()
            return values
        }
    }

    private static func value(_ scanner: inout JSONScanner) throws(JSONScanner.Fault) -> Value {
        let kind = scanner.kind
        let start = scanner.position
        var unescaped: [UInt8]?
        if kind == .text { unescaped = try scanner.unescapedString() } else { try scanner.skip() }
        return Value(kind: kind, range: start..<scanner.position, unescaped: unescaped)
    }

    // MARK: - Values

    /// nil when the member is absent.
    func kind(_ name: Name) -> JSONKind? { self.values[name.rawValue]?.kind }

    /// Whether the member is absent or null. An optional member may be null.
    func isAbsent(_ name: Name) -> Bool { (self.kind(name) ?? .null) == .null }

    /// The value as the client wrote it.
    func raw(_ name: Name) -> ByteBuffer? { self.values[name.rawValue].flatMap { self.slice($0.range) } }

    /// The text of a string; nil for another kind of value.
    func text(_ name: Name) -> ByteBuffer? {
        guard let value = self.values[name.rawValue], value.kind == .text else { return nil }
        if let unescaped = value.unescaped { return ByteBuffer(bytes: unescaped) }
        return self.slice(value.range.lowerBound + 1..<value.range.upperBound - 1)
    }

    /// nil for a value that is not a boolean.
    func boolean(_ name: Name) -> Bool? {
        guard self.kind(name) == .boolean else { return nil }
        return self.raw(name)?.readableBytes == 4
    }

    /// A whole number without sign, fraction and exponent.
    /// - Returns: nil for another value, and for a number of 2⁶⁴ or more.
    func wholeNumber(_ name: Name) -> UInt64? {
        guard self.kind(name) == .number, let digits = self.raw(name) else { return nil }
        return digits.withUnsafeReadableBytes { UInt64(decimal: $0) }
    }

    private func slice(_ range: Range<Int>) -> ByteBuffer? {
        self.message.getSlice(at: self.message.readerIndex + range.lowerBound, length: range.count)
    }
}
