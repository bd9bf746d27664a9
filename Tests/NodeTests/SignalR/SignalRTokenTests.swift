import Testing
import VolaryProtocol

@testable import VolaryNode

@Suite
struct SignalRTokenTests {
    private static let now: Int64 = 1_790_000_000

    @Test(arguments: [0, 1])
    func `Any node reads a token that another one made, and finds the same id`(version: Int) throws {
        for _ in 0..<100 {
            let token = SignalRToken(version: version, now: Self.now)
            #expect(try #require(SignalRToken(token.text, now: Self.now)).id == token.id)
            #expect(token.id.isRoaming)
            #expect(
                token.text.utf8.allSatisfy {
                    UInt8(ascii: "-") == $0 || UInt8(ascii: "_") == $0 || Character(UnicodeScalar($0)).isLetter
                        || Character(UnicodeScalar($0)).isNumber
                }
            )
        }
    }

    @Test func `In version 0 the id is the token, in version 1 it is none`() {
        let old = SignalRToken(version: 0, now: Self.now)
        #expect(old.text == old.id.description)
        for _ in 0..<100 {
            let token = SignalRToken(version: 1, now: Self.now)
            #expect(token.text != token.id.description)
            #expect(SignalRToken(token.id.description, now: Self.now) == nil)
        }
    }

    @Test(arguments: [0, 1])
    func `Tokens and ids do not repeat`(version: Int) {
        let tokens = (0..<1000).map { _ in SignalRToken(version: version, now: Self.now) }
        #expect(Set(tokens.map(\.text)).count == 1000)
        #expect(Set(tokens.map(\.id)).count == 1000)
    }

    @Test(
        arguments: [0, 1],
        [(-61, false), (-60, true), (0, true), (60, true), (61, false), (86_400, false), (-86_400, false)] as [(Int64, Bool)]
    )
    func `A token holds for a minute, on clocks that differ by less`(version: Int, later: (seconds: Int64, holds: Bool)) {
        let token = SignalRToken(version: version, now: Self.now)
        #expect((SignalRToken(token.text, now: Self.now + later.seconds) != nil) == later.holds)
    }

    @Test(arguments: [
        "", "x", "0123456789abcdef0123456789abcdef", "0123456789ABCDEF0123456700000000", String(repeating: "A", count: 42),
        String(repeating: "A", count: 44), String(repeating: "/", count: 43), String(repeating: "A", count: 43), "AAAA=",
        "\u{301}\u{323}",
        String(repeating: "_", count: 43), String(repeating: "A", count: 100_000),
    ])
    func `Another text is no token`(text: String) {
        #expect(SignalRToken(text, now: Self.now) == nil)
        #expect(SignalRToken(text, now: .max) == nil)
        #expect(SignalRToken(text, now: .min) == nil)
    }
}
