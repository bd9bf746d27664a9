import VolaryProtocol

/// Classifies errors of Redis, and prepares their texts for logs.
enum RedisErrorText {
    /// Codes that mean that this is not the right server, or not now: another attempt may find the right one.
    private static let fatalCodes: Set<Substring> = [
        "LOADING", "MASTERDOWN", "MOVED", "CLUSTERDOWN", "READONLY", "NOAUTH", "WRONGPASS",
    ]

    /// What a refused message depends on.
    enum Refusal: Hashable {
        /// The server, the link or the node's permissions: the message itself is valid and may be accepted later.
        case ofServer
        /// The message is too large.
        case tooLarge
        /// The message's topic: the logs of topics without a subscriber are at their limit, see ``RedisScript/publish``.
        case idleFull
        /// The message, or the stored data of its topic: a retry would be refused too.
        case ofMessage
    }

    /// Phrases in errors without a specific code that are about permissions and configuration.
    private static let serverPhrases = [
        "unknown command", "unknown subcommand", "not permitted", "not allowed", "user executing the script", "permission",
        "max number of clients",
    ]
    /// The bytes of an error that are searched for phrases: 512. Quoted text is at the end of an error.
    private static let readBytes = 512

    private static let sizePhrases = ["invalid bulk length", "too big", "too large", "exceeds maximum allowed size"]

    static func refusal(_ text: String) -> Refusal {
        let text = text.prefix(maximumBytes: self.readBytes)
        func has(_ phrases: [String]) -> Bool { phrases.contains { text.contains($0) } }
        switch self.code(String(text)) {
        case "WRONGTYPE": return .ofMessage
        case "IDLEFULL": return .idleFull
        case "ERR" where has(self.serverPhrases): return .ofServer
        case "ERR": return has(self.sizePhrases) ? .tooLarge : .ofMessage
        default: return .ofServer
        }
    }

    static func isFatal(_ text: String) -> Bool { self.fatalCodes.contains(self.code(text)) }

    /// The first word of an error: `NOPERM`, `ERR`.
    static func code(_ text: String) -> Substring {
        Substring(text.utf8.prefix(32).prefix(while: self.isCodeByte))
    }

    private static func isCodeByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: byte == UInt8(ascii: "_")
        }
    }

    /// One line of at most 160 bytes, without the arguments that Redis quotes: they may be a payload or a password.
    static func loggable(_ text: String) -> String {
        let scalars = Array(text.prefix(maximumBytes: 160).unicodeScalars)
        var line = String.UnicodeScalarView()
        for (index, scalar) in scalars.enumerated() {
            switch scalar {
            // The apostrophe of "can't" does not begin a quotation.
            case "'" where index > 0 && scalars[index - 1] == "n" && scalars.dropFirst(index + 1).first == "t":
                line.append(scalar)
            case "`", "'", "\"": return String(line)
            case "\n" where index > 0 && scalars[index - 1] == "\r": break
            default:
                switch scalar.properties.generalCategory {
                case .control, .lineSeparator, .paragraphSeparator: line.append(" ")
                default: line.append(scalar)
                }
            }
        }
        return String(line)
    }
}

extension RESPValue {
    /// Whether the server does not have the script of an EVALSHA: its script cache was flushed, or it is another server.
    var isMissingScript: Bool {
        if case .error(let text) = self { RedisErrorText.code(text) == "NOSCRIPT" } else { false }
    }
}
