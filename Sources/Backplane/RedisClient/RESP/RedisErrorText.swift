import VolaryProtocol

/// Errors of Redis, made fit for a log.
enum RedisErrorText {
    /// Codes that say that this is not, or not now, the Redis to be linked to: another attempt may find the right one.
    private static let fatalCodes: Set<Substring> = [
        "LOADING", "MASTERDOWN", "MOVED", "CLUSTERDOWN", "READONLY", "NOAUTH", "WRONGPASS",
    ]

    /// What an answer to a message says.
    enum Refusal: Hashable {
        /// About the server, the link or what this node may do: the message is as good as any, and may be taken later.
        case ofServer
        /// About this message: it is too large.
        case tooLarge
        /// About this message's topic: those without a subscriber keep as much as they may, see ``RedisScript/publish``.
        case idleFull
        /// About this message, or what Redis holds of its topic: sent again, it would be refused again.
        case ofMessage
    }

    /// Of errors without a code of their own, those that are about permissions and configuration.
    private static let serverPhrases = [
        "unknown command", "unknown subcommand", "not permitted", "not allowed", "user executing the script", "permission",
        "max number of clients",
    ]
    /// Of an error, where it says what it is about: 512 bytes. What it quotes comes last.
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

    /// The first word: `NOPERM`, `ERR`.
    static func code(_ text: String) -> Substring {
        Substring(text.utf8.prefix(32).prefix(while: self.mayBeInCode))
    }

    private static func mayBeInCode(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: byte == UInt8(ascii: "_")
        }
    }

    /// One line of 160 bytes at most, without what Redis quotes of a command: that may be a payload or a password.
    static func loggable(_ text: String) -> String {
        let scalars = Array(text.prefix(maximumBytes: 160).unicodeScalars)
        var line = String.UnicodeScalarView()
        for (index, scalar) in scalars.enumerated() {
            switch scalar {
            // The apostrophe of "can't" begins no quotation.
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
