import NIOSSL
import VolaryBackplane

extension ConfigurationLoader {
    func broker() throws(ConfigurationError) -> BrokerSettings {
        BrokerSettings(
            delivery: try self.text(.delivery, allowed: "logged or at-most-once") { BrokerSettings.Delivery(rawValue: $0) },
            historyMessages: try self.integer(.historyMessages, 16...1_000_000),
            // At most half of the largest answer accepted from Redis, so that a log can always be read.
            historyBytes: try self.bytes(.historyBytes, (64 * 1024)...(32 * 1024 * 1024)),
            idleHistoryBytes: try self.bytes(.historyIdleBytes, (1024 * 1024)...(1024 * 1024 * 1024 * 1024)),
            historyAge: try self.duration(.historyAge, .seconds(1)...(.seconds(3600))),
            canaryInterval: try self.duration(.canaryInterval, .milliseconds(100)...(.seconds(60)))
        )
    }

    func redis() throws(ConfigurationError) -> RedisConfiguration? {
        let prefix = try self.text(.redisPrefix, allowed: "1 to 64 letters, digits, '.', '_' and '-'") {
            Self.isName($0) ? $0 : nil
        }
        let authorities = try self.redisAuthorities()
        guard let url = self.value(.redis) else { return nil }
        do throws(RedisURLError) {
            var redis = try RedisConfiguration(url: url)
            redis.keyPrefix = prefix
            redis.trustRootsFile = authorities
            return redis
        } catch {
            let suggestion = Self.redisSuggestion(for: url).map { "did you mean \($0)? " } ?? ""
            // The value may contain a password.
            throw ConfigurationError(
                option: ConfigurationOption.redis.rawValue,
                value: nil,
                allowed: suggestion + error.description
            )
        }
    }

    /// A suggestion for `host:port` without a scheme. A value with an `@` may contain a password and is not repeated.
    private static func redisSuggestion(for text: String) -> String? {
        guard text.contains(/^[^@\/]+:[0-9]+(\/[0-9]+)?$/) else { return nil }
        return (try? RedisConfiguration(url: "redis://\(text)")).map { _ in "redis://\(text)" }
    }

    private func redisAuthorities() throws(ConfigurationError) -> String? {
        guard let path = self.value(.redisAuthorities) else { return nil }
        let pem = try Self.contents(.redisAuthorities, path: path)
        guard (try? NIOSSLCertificate.fromPEMBytes(Array(pem)))?.isEmpty == false else {
            throw ConfigurationError(
                option: ConfigurationOption.redisAuthorities.rawValue,
                value: path,
                allowed: "must be a PEM file with certificates"
            )
        }
        return path
    }
}
