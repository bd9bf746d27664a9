/// A Lua script that Redis runs as a whole: nobody sees it half done.
///
/// Every script of the presence store knows the time from Redis' own clock only. `<node>` stands for `<prefix>:node:{<id>}:`.
struct RedisScript: Hashable, Sendable {
    /// For logs, and to find the digest by.
    let name: String
    let source: String

    /// Those of the presence store and the idempotency store.
    static let all: [RedisScript] = [
        .register, .renew, .update, .unregister, .reap, .nodes, .leases, .connectionIDs, .details, .connection,
        .reserve, .complete, .release,
    ]

    /// Those of the broker.
    static let log: [RedisScript] = [.publish, .readLog, .endEpoch, .identify, .refreshHeads]

    /// Milliseconds since 1970 on Redis' clock, as `now`.
    static let clock = """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)

        """

    /// Deletes all that hangs off a node which has not said that it goes, given the start of its keys, and returns how many connections it
    /// had. With connections, that is known for a while. Needs ``attempt``.
    static let deletion = """
        local function delete(node, id, seconds)
            local connections = attempt('ZCARD', node .. 'index') or 0
            redis.call('UNLINK', node .. 'record', node .. 'index', node .. 'details', node .. 'filters')
            redis.call('ZREM', KEYS[1], id)
            redis.call('HDEL', KEYS[2], id)
            if connections > 0 then redis.call('SET', node .. 'reaped', connections, 'EX', seconds) end
            return connections
        end

        """

    /// Reads what should not be able to fail; false where a key is of another type, so that one node's broken keys do not hide the
    /// others or keep a dead node from being reaped.
    static let attempt = """
        local function attempt(...)
            local reply = redis.pcall(...)
            if type(reply) == 'table' and reply.err then return false end
            return reply
        end

        """

    /// How many entries each of a node's own keys has; `false` for one that cannot be counted. Whatever has removed a key, or put another
    /// in its place, has changed this. Needs ``attempt``.
    static let contents = """
        local function contents()
            local function count(command, key) return tostring(attempt(command, key)) end
            return count('ZCARD', KEYS[4]) .. '/' .. count('HLEN', KEYS[5]) .. '/' .. count('ZCARD', KEYS[6])
        end

        """

    /// Whether a key is there, as another type. Needs ``attempt``.
    static let foreign = """
        local function isForeign(key, type)
            local reply = attempt('TYPE', key)
            return reply and reply.ok ~= 'none' and reply.ok ~= type
        end

        """

    /// Whether a node, given its record, says that not all of its connections are in the store yet. Needs ``attempt``.
    static let registering = """
        local function registering(key)
            local text = attempt('GET', key)
            local isJSON, record = pcall(cjson.decode, text or '')
            return isJSON and type(record) == 'table' and record.registering == true
        end

        """

    /// Renews the backstop of keys that all nodes share; the longest wins.
    static let backstop = """
        local function keep(key, milliseconds)
            if redis.call('PTTL', key) < tonumber(milliseconds) then redis.call('PEXPIRE', key, milliseconds) end
        end

        """
}
