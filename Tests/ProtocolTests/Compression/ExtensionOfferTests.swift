import Testing
import VolaryProtocol

/// Sec-WebSocket-Extensions (RFC 6455 section 9.1).
@Suite
struct ExtensionOfferTests {
    private static let wellFormed: [([String], [ExtensionOffer])] = [
        ([], []),
        ([""], []),
        ([" , ,\t"], []),
        (["foo"], [ExtensionOffer("foo")]),
        (["foo, bar"], [ExtensionOffer("foo"), ExtensionOffer("bar")]),
        (["foo", "bar, baz"], [ExtensionOffer("foo"), ExtensionOffer("bar"), ExtensionOffer("baz")]),
        ([",foo,,bar,"], [ExtensionOffer("foo"), ExtensionOffer("bar")]),
        (["foo;a;b=1"], [ExtensionOffer("foo", [.init("a"), .init("b", "1")])]),
        ([" foo ; a ;\tb = 1 "], [ExtensionOffer("foo", [.init("a"), .init("b", "1")])]),
        ([#"foo; a="10"; b="x\y""#], [ExtensionOffer("foo", [.init("a", "10"), .init("b", "xy")])]),
        (["foo; a; a=2"], [ExtensionOffer("foo", [.init("a"), .init("a", "2")])]),
        (["!#$%&'*+-.^_`|~09AZaz"], [ExtensionOffer("!#$%&'*+-.^_`|~09AZaz")]),
        (
            ["permessage-deflate; client_max_window_bits, x-webkit-deflate-frame"],
            [ExtensionOffer("permessage-deflate", [.init("client_max_window_bits")]), ExtensionOffer("x-webkit-deflate-frame")]
        ),
    ]

    @Test(arguments: Self.wellFormed)
    func `A list is read in its order, whatever the space around its signs`(fields: [String], offers: [ExtensionOffer]) {
        #expect(ExtensionOffer.parse(fields) == offers)
    }

    @Test(arguments: [
        ";", "foo;", "foo;;a", "foo; =1", "foo; a=", "foo; a=,", "foo bar", "foo; a b", "=", "foo=1", "foo; a=1 2", "foo; a==1",
        #"foo; a=""#, #"foo; a="""#, #"foo; a="1"#, #"foo; a="1\"#, #"foo; a="1\""#, #"foo; a="1 0""#, #"foo; a="1"x"#, #""foo""#,
        "foo/bar", "föö", "foo; a=é", "foo\u{0}", "foo@", "foo; (a)", "foo, bar;",
    ])
    func `What the grammar does not have is refused as a whole`(field: String) {
        #expect(ExtensionOffer.parse([field]) == nil)
        #expect(ExtensionOffer.parse(["good; a=1", field]) == nil)
        #expect(ExtensionOffer.parse([field, "good"]) == nil)
    }

    @Test func `A long list takes time in proportion to its length`() {
        let field = Array(repeating: "a;b=c", count: 200_000).joined(separator: ",")
        #expect(ExtensionOffer.parse([field])?.count == 200_000)
    }
}
