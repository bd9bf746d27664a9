import VolaryProtocol

/// The types of the presence and the idempotency store's keys, to name a key that another program has written.
enum RedisKeyTypes {
    /// - Returns: as TYPE names it; nil for another key.
    static func expected(of key: String, prefix: String) -> String? {
        guard !key.hasPrefix("\(prefix):idempotency:") else { return "hash" }
        return switch key.split(separator: ":").last {
        case "nodes", "index", "filters": "zset"
        case "names", "details": "hash"
        case "record", "reaped": "string"
        default: nil
        }
    }

    /// For operators.
    static func reason(_ key: String, is type: String, not expected: String) -> String {
        "the key \(key.prefix(maximumBytes: 100)) holds a \(type) where a \(expected) is expected: another program has written it"
    }
}
