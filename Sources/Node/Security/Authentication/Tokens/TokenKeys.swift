import Logging

/// The keys of one key file.
struct TokenKeys: Sendable {
    /// A key of a key set that this node cannot use.
    struct Unusable: Hashable, Sendable {
        /// Position in the file, from 1.
        let number: Int
        /// `kid`, if it has one.
        let id: String?
        let reason: String

        /// For people: at most 100 bytes.
        var name: String { ConfigurationError.printable(self.id ?? "number \(self.number)") }
    }

    let keys: [TokenKey]
    var unusable: [Unusable] = []

    /// Logs the keys that are not used. A key set may contain keys for other purposes, and an invalid key does not affect the
    /// others.
    func logUnusable(of option: ConfigurationOption, logger: Logger) {
        for key in self.unusable {
            logger.notice(
                "Key of the key set not used",
                metadata: [
                    LogKey.option: "\(option.rawValue)", LogKey.key: "\(key.name)",
                    LogKey.reason: "\(key.reason)",
                ]
            )
        }
    }
}
