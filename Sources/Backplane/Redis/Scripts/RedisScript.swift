/// A Lua script. Redis runs it atomically.
///
/// Every script of the presence store uses Redis's own clock only. `<node>` stands for `<prefix>:node:{<id>}:`.
struct RedisScript: Hashable, Sendable {
    /// Used in logs and to find the digest.
    let name: String
    let source: String

    /// The scripts of the presence store and the idempotency store.
    static let all: [RedisScript] = [
        .register, .renew, .update, .unregister, .reap, .nodes, .leases, .connectionIDs, .details, .connection,
        .reserve, .complete, .release,
    ]

    /// The scripts of the broker.
    static let log: [RedisScript] = [.publish, .readLog, .endEpoch, .identify, .refreshHeads]

    /// Milliseconds since 1970 on Redis's clock, as `now`.
    static let clock = """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)

        """

    /// Deletes all keys of a node that did not unregister, given their prefix, and returns the number of its connections. If
    /// there were any, this number is kept for a while. Needs ``attempt``.
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

    /// Calls a command that normally cannot fail; false if a key has another type, so that one node's damaged keys do not hide
    /// other nodes or prevent a dead node from being reaped.
    static let attempt = """
        local function attempt(...)
            local reply = redis.pcall(...)
            if type(reply) == 'table' and reply.err then return false end
            return reply
        end

        """

    /// The number of entries of each of a node's own keys; `false` for a key that cannot be counted. The value changes whenever
    /// a key is removed or replaced. Needs ``attempt``.
    static let contents = """
        local function contents()
            local function count(command, key) return tostring(attempt(command, key)) end
            return count('ZCARD', KEYS[4]) .. '/' .. count('HLEN', KEYS[5]) .. '/' .. count('ZCARD', KEYS[6])
        end

        """

    /// Whether a key exists with another type. Needs ``attempt``.
    static let foreign = """
        local function isForeign(key, type)
            local reply = attempt('TYPE', key)
            return reply and reply.ok ~= 'none' and reply.ok ~= type
        end

        """

    /// Whether a node's record says that not all of its connections are in the store yet. Needs ``attempt``.
    static let registering = """
        local function registering(key)
            local text = attempt('GET', key)
            local isJSON, record = pcall(cjson.decode, text or '')
            return isJSON and type(record) == 'table' and record.registering == true
        end

        """

    /// Extends the expiry of keys that all nodes share. The longest expiry wins.
    static let backstop = """
        local function keep(key, milliseconds)
            if redis.call('PTTL', key) < tonumber(milliseconds) then redis.call('PEXPIRE', key, milliseconds) end
        end

        """
}
