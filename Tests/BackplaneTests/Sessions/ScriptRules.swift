@testable import VolaryBackplane

/// How a test takes the rules of the scripts in Redis away.
enum ScriptRules {
    /// The rules that nodes follow: no script knows them.
    static let nodeRules: SessionRules = [
        .effectAtControlEntry, .catchUpNewTopics, .subscribeBeforeJoin, .endAfterConfirmation, .expiredCount, .filterAtNumber,
        .claimsRaiseHighest, .answersRaiseHighest, .linkCheck, .heldArrivals, .toldLosses,
    ]

    /// Takes the place of the first line of a script.
    private static let withoutEnter = """
        local raw = redis.call('HMGET', hub, 'epoch', 'number')
        epoch, number, run, operation = tonumber(raw[1]), tonumber(raw[2]), '', 0

        """
    private static let enter = """
        local problem = enter()
        if problem then return problem end

        """

    /// Each rule with a part of the scripts, and what stands there without the rule.
    static let replacements: [(rule: SessionRules, text: String, replacement: String)] = [
        (
            .fencedDetach, "local why = objection(sessionKey(ARGV[14]), ARGV[15])",
            "local why = objection(sessionKey(ARGV[14]), redis.call('HGET', sessionKey(ARGV[14]), 'fence') or '')"
        ),
        (.fencedDetach, "local isOwner = fence == ARGV[i + 1]", "local isOwner = true"),
        (
            .fencedAcknowledgement, "local why = objection(key, ARGV[i + 1])",
            "local why = objection(key, redis.call('HGET', key, 'fence') or '')"
        ),
        (
            .fencedWrites, "local why = objection(writer, ARGV[17])",
            "local why = objection(writer, redis.call('HGET', writer, 'fence') or '')"
        ),
        (
            .fencedWrites, "local why = objection(key, ARGV[16])",
            "local why = objection(key, redis.call('HGET', key, 'fence') or '')"
        ),
        (.controlEntries, "local failed = toOwn(ARGV[14], ARGV[18])", "local failed = nil take()"),
        (
            .keptIntervals, "redis.call('HSET', key .. ':groups', ARGV[20], list .. name)",
            """
            if ARGV[19] == 'join' then
                redis.call('HSET', key .. ':groups', ARGV[20], list .. name)
            else
                redis.call('HDEL', key .. ':groups', ARGV[20])
            end
            """
        ),
        (.once, "if tonumber(ARGV[6]) <= operation then", "if false then"),
        (.once, "if tonumber(ARGV[7]) > operation then return 'gap' end", ""),
        (.rememberedRefusals, "set(key, ARGV[6], text)", ""),
        (
            .mergedPages, "return left[2] < right[2]",
            "if left[1] == right[1] then return left[2] < right[2] end return left[1] > right[1]"
        ),
        (.startMarks, "if isTrimmed(key, topics, after) then return reply('trimmed') end", ""),
        (.floor, "local function floor()", "local function floor() do return 0 end"),
        (.floor, "return math.max(start, at and previous or last or 0)", "return start"),
        (.epochByProcess, "local isOther = run ~= mine", "local isOther = false"),
        (
            .enterFirst,
            Self.enter + "local key = sessionKey(ARGV[14])\nlocal fields = redis.call('HMGET', key, 'fence', 'node')",
            Self.withoutEnter + "local key = sessionKey(ARGV[14])\nlocal fields = redis.call('HMGET', key, 'fence', 'node')"
        ),
        (
            .fenceByPosition, "set(key, 'fence', text(epoch) .. '-' .. text(number), 'node', me)",
            "set(key, 'fence', '0-' .. text(1 + string.match(redis.call('HGET', key, 'fence'), '%-(%d+)')), 'node', me)"
        ),
        (
            .fenceByPosition, "redis.call('HSET', key, 'fence', text(epoch) .. '-' .. text(number))",
            "redis.call('HSET', key, 'fence', '0-' .. text(1 + string.match(fields[1], '%-(%d+)')))"
        ),
        (.comparedSweep, "if fields[1] ~= ARGV[15] or fields[2] == '' then return reply('fenced') end", ""),
        (.comparedSweep, "if fields[1] ~= '' or tonumber(fields[2]) > now then return reply('fenced') end", ""),
        (.rememberedAcknowledgements, "if writer and ARGV[18] ~= '' then remember(writer, ARGV[18]) end", ""),
        (.rememberedAcknowledgements, "if ARGV[15] == '1' and ARGV[17] ~= '' then remember(key, ARGV[17]) end", ""),
        (
            .everyBase, "if start > seen and (above < 0 or base < above) then above = base end",
            "if start > seen then above = base end"
        ),
    ]

    /// - Parameter rules: those that are enforced.
    static func removing(_ rules: SessionRules) -> [String: String] {
        let removed = self.replacements.filter { !rules.contains($0.rule) }
        return Dictionary(removed.map { ($0.text, $0.replacement) }) { first, _ in first }
    }
}
