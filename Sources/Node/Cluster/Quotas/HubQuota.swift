import HTTPTypes

/// What a hub may use of one node: `--hub-connections`, `--hub-message-rate`, `--hub-byte-rate`.
enum HubQuota: Int, CaseIterable, Sendable {
    case connections
    case messages
    case bytes

    /// The quotas of every hub; nil: no limit.
    struct Limits: Hashable, Sendable {
        var connections: Int?
        var messagesPerSecond: Int?
        var bytesPerSecond: Int?

        var hasRates: Bool { self.messagesPerSecond != nil || self.bytesPerSecond != nil }
    }
}

extension Problem {
    /// Nothing was done; the same request may be repeated, here or on another node.
    static func hubOverQuota(_ quota: HubQuota) -> Problem {
        let (what, option, seconds): (String, ConfigurationOption, String) =
            switch quota {
            case .connections: ("connections", .hubConnections, "5")
            case .messages: ("messages per second", .hubMessageRate, "1")
            case .bytes: ("bytes per second", .hubByteRate, "1")
            }
        return Problem(
            .tooManyRequests,
            "hub-over-quota",
            "The hub is at its quota of \(what) on this node (--\(option.rawValue)).",
            headers: [.retryAfter: seconds]
        )
    }
}
