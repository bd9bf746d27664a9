/// A Lua script. Redis runs it atomically.
///
/// Every script of the presence store uses Redis's own clock only. A script uses keys of one hash tag only, that of its first key,
/// so that it can run in a Redis Cluster.
struct RedisScript: Hashable, Sendable {
    /// Used in logs and to find the digest.
    let name: String
    let source: String

    /// The scripts of the presence store, of the idempotency store and of hubs' storage.
    static let all: [RedisScript] = [
        .register, .renew, .extend, .reap, .bury, .unregister, .nodes, .leases, .lease, .formerNodes,
        .enterHubs, .leaveHubs, .nodeHubs, .update, .checkEntries, .removeEntries, .connectionIDs, .details, .connection, .take,
        .reserve, .complete, .release, .measureHub,
    ]

    /// The scripts of the broker.
    static let log: [RedisScript] = [.publish, .readLog, .endEpoch, .identify, .refreshHeads, .readHub]

    /// Milliseconds since 1970 on Redis's clock, as `now`.
    static let clock = """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)

        """

    /// Whether a member of the leases is a node's id, and the number of a node's lease, given the registry's prefix. When its record
    /// is missing or damaged: `default`, or a number above all former leases. Needs ``clock`` and ``attempt``.
    static let leaseNumber = """
        local function isNode(id) return #id == 8 and not string.find(id, '[^0-9a-f]') end
        local function numberOf(id, registry, default)
            local number = attempt('HGET', registry .. ':record:' .. id, 'number')
            if value(number) > 0 then return number end
            return string.format('%.0f', default or time[1] * 1000000 + time[2])
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
        -- The number in a field; 0 when there is none.
        local function value(text)
            return type(text) == 'string' and #text <= 16 and string.find(text, '^%d+$') and tonumber(text) or 0
        end

        """

    /// The number of entries of each of a node's keys in one hub; `false` for a key that cannot be counted. The value changes
    /// whenever a key is removed or replaced. KEYS as of ``update``. Needs ``attempt``.
    static let contents = """
        local function contents()
            local function count(command, key) return tostring(attempt(command, key)) end
            return count('ZCARD', KEYS[2]) .. '/' .. count('HLEN', KEYS[3]) .. '/' .. count('ZCARD', KEYS[4])
        end

        """

    /// Whether a key exists with another type. Needs ``attempt``.
    static let foreign = """
        local function isForeign(key, type)
            local reply = attempt('TYPE', key)
            return reply and reply.ok ~= 'none' and reply.ok ~= type
        end

        """

    /// Extends the expiry of keys that all nodes share. The longest expiry wins.
    static let backstop = """
        local function keep(key, milliseconds)
            if redis.call('PTTL', key) < tonumber(milliseconds) then redis.call('PEXPIRE', key, milliseconds) end
        end

        """
}
