import Testing

@testable import Backplane

struct RedisErrorTextTests {
    @Test func whatIsQuotedIsCutOff() {
        #expect(
            RedisErrorText.loggable("ERR unknown command 'FOO', with args beginning with: 'hunter2'") == "ERR unknown command "
        )
        #expect(RedisErrorText.loggable("ERR a\r\nb") == "ERR a b")
        #expect(RedisErrorText.code("WRONGPASS invalid") == "WRONGPASS")
        #expect(RedisErrorText.isFatal("READONLY You can't write"))
        #expect(!RedisErrorText.isFatal("ERR READONLY"))
    }
}
