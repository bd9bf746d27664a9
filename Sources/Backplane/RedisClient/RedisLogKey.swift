import Logging

/// Metadata keys of the log lines about Redis.
enum RedisLogKey {
    /// The role of the link: `publisher`, `subscriber`, `presence`, or for sentinels `sentinel` and `sentinel-events` (their
    /// notifications).
    static let link = "volary.redis.link"
    /// Host and port.
    static let address = "volary.redis.address"
    static let reason = "volary.redis.reason"
    static let count = "volary.redis.count"
    static let keys = "volary.redis.keys"
    /// The length of an encoded message.
    static let bytes = "volary.redis.bytes"
    /// Messages that are known to be lost.
    static let lost = "volary.redis.lost"
    static let topics = "volary.redis.topics"
    static let error = "volary.redis.error"
    /// The record in the presence store.
    static let record = "volary.redis.record"
}
