/// Parts of the scripts that belong to a hub's order. Each of these scripts begins with ``clock``, ``logEntries`` and ``order``, and
/// calls `enter` before anything else.
///
/// The hub's head is a hash:
///
/// | field | contents |
/// | --- | --- |
/// | `epoch`, `number` | the position of the last operation that took a number |
/// | `base` | the number that had survived when the epoch began |
/// | `since` | when the epoch began, in ms |
/// | `run` | the history of Redis to which the head belongs: its `master_replid` |
/// | `checked` | when Redis was last asked for its history, in ms |
/// | `starts` | epoch and base of the last 16 epochs, oldest first: `<epoch>:<base>,` |
/// | `marks`, `marked` | the number at a time, at the epoch's start and at intervals: `<ms>:<number>,`; the time of the last |
/// | `unlogged` | the last number that was given to a message without a log |
/// | `lost`, `lostNumber` | the last epoch of which a caller has observed more than has survived, and the highest number observed of it |
/// | `op:<lane>` | the last operation that was executed for a lane |
///
/// A lane is a numbered sequence of operations of one node. The refusals of its last operations are in the hash
/// `<scope>:refused:<lane>`.
extension RedisScript {
    /// KEYS: 1 the hub's head.
    ///
    /// ARGV: 1 the history that the caller's link has been told, empty when none; 2 and 3 the epoch and number of the highest
    /// position that the caller has observed, empty when none; 4 the age of log entries in ms; 5 `op:<lane>`, empty for a script
    /// that may be repeated without harm; 6 the operation's sequence; 7 the sequence before it that the caller still holds.
    ///
    /// - `enter()` begins an epoch when the head is missing, when it is behind what the caller has observed, or when Redis has another
    ///   history. Redis is asked for it when the caller's link has been told another one, and every 50 ms. Returns nil, or an error
    ///   to return. Sets `epoch`, `number`, and `operation`, the last one of the lane.
    /// - `once()` returns nil when the operation is to be executed. Otherwise `done`, the remembered refusal, or `gap` when the
    ///   operations after `operation` are missing.
    /// - `refuse(text)` uses the operation's sequence up and remembers the refusal.
    /// - `take()` returns the next number.
    /// - `save()` stores the number and uses the operation's sequence up. Called once by each script that took a number.
    /// - `floor()` is a number above which a topic without a log has lost nothing.
    /// - `set(key, ...)` is HSET, also without memory.
    /// - `observed()` returns the epoch, the number, the history if the link has not been told it, or an empty text; the number above
    ///   which all that the caller observed is lost, or -1; `operation`; whether nothing was left when an epoch since
    ///   the caller's began, 0 or 1; and then, if the epoch is not the caller's, `lost()`.
    /// - `lost()` returns the fields `lost` and `lostNumber`, 0 if nothing is known to be lost.
    static let order =
        Self.plainOrder + """
            local function set(key, ...)
                local reply = redis.pcall('HSET', key, ...)
                if refusal(reply, 'OOM') then
                    redis.pcall('HDEL', key, '')
                    reply = redis.pcall('HSET', key, ...)
                end
                return reply
            end
            local function take()
                number = number + 1
                return number
            end
            local function refuse(text)
                local key = scope .. ':refused:' .. string.sub(ARGV[5], 4)
                set(key, ARGV[6], text)
                redis.pcall('PEXPIRE', key, 86400000)
                local count = redis.pcall('HLEN', key)
                if type(count) == 'number' and count > 2048 then
                    for _, sequence in ipairs(redis.call('HKEYS', key)) do
                        if tonumber(sequence) <= tonumber(ARGV[6]) - 1024 then redis.call('HDEL', key, sequence) end
                    end
                end
                return save()
            end
            local function lost()
                local fields = redis.call('HMGET', hub, 'lost', 'lostNumber')
                return whole(fields[1]) or 0, whole(fields[2]) or 0
            end
            local function observed()
                local above, isTotal, lostEpoch, lostNumber = -1, 0, 0, 0
                if ARGV[2] ~= '' and tonumber(ARGV[2]) ~= epoch then
                    local seen, isKnown = tonumber(ARGV[2]), false
                    for start, base in string.gmatch(redis.call('HGET', hub, 'starts') or '', '(%d+):(%d+),') do
                        start, base = tonumber(start), tonumber(base)
                        if start == seen then isKnown = true end
                        if start > seen and (above < 0 or base < above) then above = base end
                        if start > seen and base == 0 then isTotal = 1 end
                    end
                    if not isKnown then above = 0 end
                    lostEpoch, lostNumber = lost()
                end
                return {epoch, number, run ~= ARGV[1] and run or '', above, operation, isTotal, lostEpoch, lostNumber}
            end

            """

    /// What a publication needs of ``order``, with as few functions as possible: Redis makes each anew for each call.
    static let plainOrder = """
        local hub, epoch, number, operation, run, isUnlogged = KEYS[1]
        local scope = string.sub(hub, 1, -6)
        local age = tonumber(ARGV[4])

        local function refusal(reply, code)
            return type(reply) == 'table' and reply.err and (not code or string.find(reply.err, code, 1, true))
        end
        -- Looks for the history of Redis, begins an epoch, or adds a mark.
        local function look(seenEpoch, seenNumber)
            local mine = redis.pcall('INFO', 'replication')
            mine = type(mine) == 'string' and string.match(mine, 'master_replid:(%x+)')
            if not mine then
                mine = redis.pcall('INFO', 'server')
                -- Unknown where INFO is not permitted.
                mine = type(mine) == 'string' and string.match(mine, 'run_id:(%x+)') or run or ''
            end
            -- The last entries of a list of pairs, and another.
            local function add(list, count, left, right)
                local all = {}
                for pair in string.gmatch(list or '', '%d+:%d+,') do all[#all + 1] = pair end
                all[#all + 1] = string.format('%.0f:%.0f,', left, right)
                return table.concat(all, '', math.max(#all - count + 1, 1))
            end
            local isOther = run ~= mine
            run = mine
            if not epoch and refusal(redis.pcall('HLEN', hub)) then redis.call('DEL', hub) end
            -- Whether the caller has observed what is gone.
            local isBehind = seenEpoch and (not epoch or seenEpoch > epoch or seenEpoch == epoch and seenNumber > number)
            local isLost = isBehind
            if seenEpoch and epoch and seenEpoch < epoch then
                isLost = true
                for start, base in string.gmatch(redis.call('HGET', hub, 'starts') or '', '(%d+):(%d+),') do
                    if tonumber(start) == seenEpoch then
                        isLost = false
                    elseif tonumber(start) > seenEpoch then
                        isLost = isLost or seenNumber > tonumber(base)
                        break
                    end
                end
            end
            if isLost then
                local known = redis.call('HMGET', hub, 'lost', 'lostNumber')
                local lost, lostNumber = whole(known[1]) or 0, whole(known[2]) or 0
                if seenEpoch > lost or seenEpoch == lost and seenNumber > lostNumber then
                    redis.call('HDEL', hub, '')
                    redis.call('HSET', hub, 'lost', string.format('%.0f', seenEpoch), 'lostNumber', string.format('%.0f', seenNumber))
                end
            end
            if not epoch or isOther or isBehind then
                local base = number or 0
                epoch = math.max(math.max(epoch or 0, seenEpoch or 0) + 1, now)
                number = math.max(math.max(base, seenNumber or 0) + 16777216, math.max(time[1] - 1577836800, 0) * 65536)
                local starts = add(redis.call('HGET', hub, 'starts'), 16, epoch, base)
                -- A Redis without memory accepts the rest: the deletion makes the script one that has written.
                redis.call('HDEL', hub, 'marks')
                redis.call('HSET', hub, 'epoch', epoch, 'number', number, 'base', base, 'since', now, 'run', run, 'checked', now,
                    'starts', starts, 'marks', add('', 1, now, number), 'marked', now)
                redis.call('PEXPIRE', hub, age + 3600000)
                return
            end
            -- Not stored by a Redis without memory, which is then asked again.
            redis.pcall('HSET', hub, 'checked', now)
            local marked = whole(redis.call('HGET', hub, 'marked')) or 0
            if now >= marked and now - marked < math.max(10000, math.floor((age + 12000) / 32)) then return end
            redis.pcall('HSET', hub, 'marks', add(redis.call('HGET', hub, 'marks'), 34, now, number), 'marked', now)
            redis.call('PEXPIRE', hub, age + 3600000)
            if redis.call('HLEN', hub) <= 1024 then return end
            -- Lanes that have been idle for a day go: those whose operation is the same as in the copy of a day ago.
            local kept = scope .. ':lanes'
            local before = redis.call('HGETALL', kept)
            local idle = {}
            for i = 1, #before, 2 do
                if before[i] == '' then
                    if now - tonumber(before[i + 1]) < 86400000 then return end
                elseif redis.call('HGET', hub, before[i]) == before[i + 1] then
                    idle[#idle + 1] = before[i]
                end
            end
            for _, lane in ipairs(idle) do redis.call('HDEL', hub, lane) end
            redis.call('DEL', kept)
            redis.call('HSET', kept, '', now)
            redis.call('PEXPIRE', kept, 2 * 86400000)
            local all = redis.call('HGETALL', hub)
            for i = 1, #all, 2 do
                if string.sub(all[i], 1, 3) == 'op:' then redis.call('HSET', kept, all[i], all[i + 1]) end
            end
        end
        local function enter()
            local fields = redis.pcall('HMGET', hub, 'epoch', 'number', 'run', 'checked', ARGV[5])
            if fields.err and not refusal(fields, 'WRONGTYPE') then return fields end
            epoch, number, run, operation = tonumber(fields[1]), tonumber(fields[2]), fields[3], tonumber(fields[5]) or 0
            if not epoch or not number or number < 0 or number > 9007199254740000 then epoch, number = nil, nil end
            local elapsed = now - (tonumber(fields[4]) or 0)
            if epoch and run == ARGV[1] and elapsed >= 0 and elapsed < 50
                and (ARGV[2] == '' or ARGV[2] == fields[1] and tonumber(ARGV[3]) <= number) then
                return
            end
            return look(tonumber(ARGV[2]), tonumber(ARGV[3]))
        end
        local function once()
            if tonumber(ARGV[6]) <= operation then
                local refused = redis.pcall('HGET', scope .. ':refused:' .. string.sub(ARGV[5], 4), ARGV[6])
                return type(refused) == 'string' and refused or 'done'
            end
            if tonumber(ARGV[7]) > operation then return 'gap' end
        end
        local function save(id)
            local reply
            for _ = 1, 2 do
                if ARGV[5] == '' then
                    reply = redis.pcall('HSET', hub, 'number', id or number)
                elseif isUnlogged then
                    reply = redis.pcall('HSET', hub, 'number', number, ARGV[5], ARGV[6], 'unlogged', number)
                else
                    reply = redis.pcall('HSET', hub, 'number', id or number, ARGV[5], ARGV[6])
                end
                if not refusal(reply, 'OOM') then break end
                redis.pcall('HDEL', hub, '')
            end
            return reply
        end
        local function floor()
            for at, marked in string.gmatch(redis.call('HGET', hub, 'marks') or '', '(%d+):(%d+),') do
                if now - tonumber(at) < age + 12000 then return tonumber(marked) end
            end
            return number
        end

        """
}
