import VolaryProtocol

/// The expected types of the keys of the presence and idempotency stores, to report a key that another program has written.
enum RedisKeyTypes {
    /// - Returns: the type as the TYPE command names it; nil for a key of neither store.
    static func expected(of key: String, prefix: String) -> String? {
        guard !key.hasPrefix("\(prefix):idempotency:") else { return "hash" }
        return switch key.split(separator: ":").last {
        case "nodes", "index", "filters": "zset"
        case "names", "details": "hash"
        case "record", "reaped": "string"
        default: nil
        }
    }

    /// The reason for operators.
    static func reason(_ key: String, is type: String, not expected: String) -> String {
        "the key \(key.prefix(maximumBytes: 100)) holds a \(type) where a \(expected) is expected: another program has written it"
    }
}
