import Logging

/// What a file of keys has for tokens.
struct TokenKeys: Sendable {
    /// A key of a set that this node does not use.
    struct Unusable: Hashable, Sendable {
        /// From 1 on, in the order of the file.
        let number: Int
        /// `kid`, if it has one.
        let id: String?
        let reason: String

        /// For people: at most 100 bytes.
        var name: String { ConfigurationError.printable(self.id ?? "number \(self.number)") }
    }

    let keys: [TokenKey]
    var unusable: [Unusable] = []

    /// Says which keys of a file are not used: a set may have some for other purposes, and one that is broken does not stop the others.
    func logUnusable(of option: ConfigurationOption, logger: Logger) {
        for key in self.unusable {
            logger.notice(
                "A key of the key set is not used",
                metadata: [
                    LogKey.option: "\(option.rawValue)", LogKey.key: "\(key.name)",
                    LogKey.reason: "\(key.reason)",
                ]
            )
        }
    }
}
