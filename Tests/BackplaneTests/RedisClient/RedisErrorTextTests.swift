import Testing

@testable import VolaryBackplane

struct RedisErrorTextTests {
    @Test func `What is quoted is cut off`() {
        #expect(
            RedisErrorText.loggable("ERR unknown command 'FOO', with args beginning with: 'hunter2'") == "ERR unknown command "
        )
        #expect(RedisErrorText.loggable("ERR a\r\nb") == "ERR a b")
        #expect(RedisErrorText.loggable("WRONGPASS you can't \u{85}now`x") == "WRONGPASS you can't  now")
        for unit in ["x", "\u{301}\u{323}", "🙂"] {
            #expect((157...160).contains(RedisErrorText.loggable("ERR " + String(repeating: unit, count: 100_000)).utf8.count))
        }
        #expect(RedisErrorText.code("E\u{301}") == "E")
        #expect(RedisErrorText.code("WRONGPASS invalid") == "WRONGPASS")
        #expect(RedisErrorText.isFatal("READONLY You can't write"))
        #expect(!RedisErrorText.isFatal("ERR READONLY"))
    }

    @Test(arguments: [
        ("ERR Protocol error: invalid bulk length", RedisErrorText.Refusal.tooLarge),
        ("ERR string exceeds maximum allowed size (proto-max-bulk-len)", .tooLarge),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", .ofMessage),
        ("ERR user_script:7: attempt to index a nil value script: f00", .ofMessage),
        ("ERR The user executing the script can't run this command or subcommand script: f00", .ofServer),
        ("ERR unknown command 'SPUBLISH', with args beginning with:", .ofServer),
        ("NOPERM this user has no permissions to run the 'publish' command", .ofServer), ("READONLY", .ofServer),
        ("OOM command not allowed when used memory > 'maxmemory'.", .ofServer), ("BUSY Redis is busy", .ofServer),
        ("MISCONF Redis is configured to save RDB snapshots", .ofServer), ("NOREPLICAS", .ofServer),
        ("upstream failure", .ofServer),
    ])
    func `An error is about the server unless it is certainly about the message`(text: String, refusal: RedisErrorText.Refusal) {
        #expect(RedisErrorText.refusal(text) == refusal)
    }
}
