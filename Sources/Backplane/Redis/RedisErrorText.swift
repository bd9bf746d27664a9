/// Errors of Redis, made fit for a log.
enum RedisErrorText {
    /// Codes that say that this is not, or not now, the Redis to be linked to: another attempt may find the right one.
    private static let fatalCodes: Set<Substring> = [
        "LOADING", "MASTERDOWN", "MOVED", "CLUSTERDOWN", "READONLY", "NOAUTH", "WRONGPASS",
    ]

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
