import HTTPTypes

/// What a hub may use: of one node, `--hub-connections`, `--hub-message-rate` and `--hub-byte-rate`; of Redis, `--hub-storage`.
enum HubQuota: Int, CaseIterable, Sendable {
    case connections
    case messages
    case bytes
    case storage

    /// The quotas of every hub; nil: no limit.
    struct Limits: Hashable, Sendable {
        var connections: Int?
        var messagesPerSecond: Int?
        var bytesPerSecond: Int?
        var storageBytes: Int?

        var hasRates: Bool { self.messagesPerSecond != nil || self.bytesPerSecond != nil }

        /// Whether messages are limited.
        var limitsMessages: Bool { self.hasRates || self.storageBytes != nil }
    }
}

extension Problem {
    /// Nothing was done; the same request may be repeated, here or on another node.
    static func hubOverQuota(_ quota: HubQuota) -> Problem {
        let (what, option, seconds): (String, ConfigurationOption, String) =
            switch quota {
            case .connections: ("connections on this node", .hubConnections, "5")
            case .messages: ("messages per second on this node", .hubMessageRate, "1")
            case .bytes: ("bytes per second on this node", .hubByteRate, "1")
            case .storage: ("bytes in Redis", .hubStorage, "5")
            }
        return Problem(
            .tooManyRequests,
            "hub-over-quota",
            "The hub is at its quota of \(what) (--\(option.rawValue)).",
            headers: [.retryAfter: seconds]
        )
    }
}
