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
        /// About this message, or what Redis holds of its topic: sent again, it would be refused again.
        case ofMessage
    }

    /// Of errors without a code of their own, those that are about permissions and configuration.
    private static let serverPhrases = [
        "unknown command", "unknown subcommand", "not permitted", "not allowed", "user executing the script", "permission",
        "max number of clients",
    ]
    private static let sizePhrases = ["invalid bulk length", "too big", "too large", "exceeds maximum allowed size"]

    static func refusal(_ text: String) -> Refusal {
        func has(_ phrases: [String]) -> Bool { phrases.contains { text.contains($0) } }
        switch self.code(text) {
        case "WRONGTYPE": return .ofMessage
        case "ERR" where has(self.serverPhrases): return .ofServer
        case "ERR": return has(self.sizePhrases) ? .tooLarge : .ofMessage
        default: return .ofServer
        }
    }

    static func isFatal(_ text: String) -> Bool { self.fatalCodes.contains(self.code(text)) }

    /// The first word: `NOPERM`, `ERR`.
    static func code(_ text: String) -> Substring {
        text.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }.prefix(32)
    }

    /// One short line without what Redis quotes of a command: that may be a payload or a password.
    static func loggable(_ text: String) -> String {
        // The apostrophe of "can't" begins no quotation.
        let marker = "n\u{2019}t"
        let unquoted = text.replacing("n't", with: marker).prefix { !"`'\"".contains($0) }.replacing(marker, with: "n't")
        return String(unquoted.prefix(160).map { $0.isNewline || $0.asciiValue.map { $0 < 0x20 } == true ? " " : $0 })
    }
}
