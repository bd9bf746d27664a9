import Logging

/// Keys of what the Redis side logs.
enum RedisLogKey {
    /// Which link: `publisher`, `subscriber`, `presence`; to a sentinel `sentinel`, and `sentinel-events` for what it tells unasked.
    static let link = "volary.redis.link"
    /// Host and port.
    static let address = "volary.redis.address"
    static let reason = "volary.redis.reason"
    static let count = "volary.redis.count"
    static let keys = "volary.redis.keys"
    /// Of a message, encoded.
    static let bytes = "volary.redis.bytes"
    /// Messages known to be lost.
    static let lost = "volary.redis.lost"
    static let topics = "volary.redis.topics"
    static let error = "volary.redis.error"
    /// Which record of the presence store.
    static let record = "volary.redis.record"
}
