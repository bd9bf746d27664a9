/// Why a text is not a valid URL of a Redis. The messages never contain the user's name, the password, or what may be a part of
/// them.
public enum RedisURLError: Error, Hashable, Sendable {
    /// The scheme is none of `redis://`, `rediss://`, `redis+sentinel://` and `rediss+sentinel://`.
    case scheme
    /// The user or password is not percent-encoded UTF-8, or there is a user without a password.
    case credentials
    /// A parameter of a URL with sentinels is unknown, repeated, empty or not percent-encoded UTF-8, or there is a user without a
    /// password.
    case sentinelCredentials
    case host
    /// Not a number from 1 to 65,535.
    case port
    /// More than 16 sentinels, or one of them is listed twice.
    case sentinels
    /// Not a name that a sentinel accepts for a master.
    case masterName
    /// Not a number from 0 to 65,535.
    case database
    /// Unexpected text follows: a query, a fragment, another `/`.
    case trailing
}

extension RedisURLError: CustomStringConvertible {
    public var description: String {
        let expected = """
            expected redis://[user:password@]host[:port][/db] or \
            redis+sentinel://[user:password@]host[:port],.../name[/db][?sentinel_username=...&sentinel_password=...], with rediss instead of redis for TLS
            """
        return switch self {
        case .scheme: "the scheme is not redis, rediss, redis+sentinel or rediss+sentinel; \(expected)"
        case .credentials: "user and password must be user:password or :password, percent-encoded; \(expected)"
        case .sentinelCredentials:
            "the parameters must be sentinel_password and, if need be, sentinel_username, percent-encoded; \(expected)"
        case .host: "a host is missing or not a name, an IPv4 address or an IPv6 address in brackets; \(expected)"
        case .port: "a port is not a number from 1 to 65535; \(expected)"
        case .sentinels: "there are more than 16 sentinels, or one is listed twice; \(expected)"
        case .masterName: "the master's name is not 1 to 64 letters, digits, '.', '_' and '-'; \(expected)"
        case .database: "the database is not a number from 0 to 65535; \(expected)"
        case .trailing: "unexpected text follows the database; \(expected)"
        }
    }
}
