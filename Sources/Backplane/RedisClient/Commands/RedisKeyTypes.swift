import VolaryProtocol

/// The expected types of the keys of the presence and idempotency stores, to report a key that another program has written.
enum RedisKeyTypes {
    /// - Returns: the type as the TYPE command names it; nil for a key of neither store.
    static func expected(of key: String) -> String? {
        guard let brace = key.firstIndex(of: "}") else { return nil }
        let parts = key[brace...].dropFirst(2).split(separator: ":")
        switch (parts.first, parts.count) {
        case ("leases", 1): return "zset"
        case ("names", 1), ("hubs", 1), ("record", 2), ("reaped", 2), ("idem", 2...): return "hash"
        case ("reaper", 2): return "string"
        case ("n", 3): return ["index", "filters"].contains(parts[2]) ? "zset" : "hash"
        default: return nil
        }
    }

    /// The reason for operators.
    static func reason(_ key: String, is type: String, not expected: String) -> String {
        "the key \(key.prefix(maximumBytes: 100)) holds a \(type) where a \(expected) is expected: another program has written it"
    }
}
