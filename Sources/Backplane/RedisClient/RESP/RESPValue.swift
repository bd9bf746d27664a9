import NIOCore

/// One reply of Redis, in version 2 of its protocol.
enum RESPValue: Hashable, Sendable {
    /// `+OK`.
    case status(String)
    /// `-ERR …`: an answer, not a violation.
    case error(String)
    case integer(Int64)
    case bulk(ByteBuffer)
    case array([RESPValue])
    case null

    /// The text of a status or a bulk string. Bytes that are not UTF-8 are replaced.
    var text: String? {
        switch self {
        case .status(let text): text
        case .bulk(let bytes): String(buffer: bytes)
        default: nil
        }
    }

    var integer: Int64? {
        if case .integer(let value) = self { value } else { nil }
    }

    var elements: [RESPValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    var bytes: ByteBuffer? {
        if case .bulk(let bytes) = self { bytes } else { nil }
    }

    var isNull: Bool { self == .null }
}

/// Why bytes are not valid replies. Their connection must be closed.
enum RESPError: Error, Hashable, Sendable {
    /// The text is the parser's, for operators.
    case malformed(String)
    /// A type that exists only in RESP3, which was not requested.
    case unsupportedType
    case tooManyElements
    case tooDeep
    /// A line, a string or a whole reply is larger than allowed.
    case tooLarge
    /// The decoder was called again after an error.
    case dead
}
