import VolaryProtocol

/// What the keys of the presence and the idempotency store hold, to name one that somebody else has written.
enum RedisKeyTypes {
    /// - Returns: as TYPE names it; nil for a key that is none of theirs.
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
