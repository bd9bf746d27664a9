import Testing
import VolaryProtocol

/// permessage-deflate: what is agreed on (RFC 7692 section 7.1).
@Suite
struct NegotiatedDeflateTests {
    private static let both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

    private func answer(_ field: String) throws -> String? {
        NegotiatedDeflate.accepting(try #require(ExtensionOffer.parse([field])))?.header
    }

    private static let accepted: [(String, String)] = [
        ("", ""),
        ("; server_no_context_takeover", ""),
        ("; client_no_context_takeover", ""),
        ("; client_no_context_takeover; server_no_context_takeover", ""),
        ("; client_max_window_bits", ""),
        ("; client_max_window_bits=15", "; client_max_window_bits=15"),
        ("; client_max_window_bits=8", "; client_max_window_bits=8"),
        ("; client_max_window_bits=\"10\"", "; client_max_window_bits=10"),
        ("; server_max_window_bits=8", "; server_max_window_bits=8"),
        ("; server_max_window_bits=9", "; server_max_window_bits=9"),
        ("; server_max_window_bits=15", "; server_max_window_bits=15"),
        (
            "; client_max_window_bits=12; server_no_context_takeover; server_max_window_bits=11; client_no_context_takeover",
            "; server_max_window_bits=11; client_max_window_bits=12"
        ),
    ]

    /// The two that end context takeover are the server's to ask for; a window is only ever mentioned when the client has.
    @Test(arguments: Self.accepted)
    func `An offer is accepted with the windows it names`(parameters: String, windows: String) throws {
        #expect(try self.answer("permessage-deflate\(parameters)") == Self.both + windows)
    }

    private static let declined = [
        "; server_max_window_bits", "; server_max_window_bits=7", "; server_max_window_bits=16", "; server_max_window_bits=08",
        "; server_max_window_bits=+9", "; server_max_window_bits=9.0", "; server_max_window_bits=a",
        "; server_max_window_bits=99999999999999999999", "; client_max_window_bits=7", "; client_max_window_bits=16",
        "; client_max_window_bits=010", "; client_max_window_bits=0", "; server_no_context_takeover=1",
        "; client_no_context_takeover=true", "; server_no_context_takeover; server_no_context_takeover",
        "; client_no_context_takeover; client_no_context_takeover", "; client_max_window_bits; client_max_window_bits=10",
        "; server_max_window_bits=10; server_max_window_bits=10", "; unknown", "; mem_level=8",
        "; SERVER_NO_CONTEXT_TAKEOVER",
    ]

    @Test(arguments: Self.declined)
    func `An offer with a wrong parameter is declined, and the next one is looked at`(parameters: String) throws {
        #expect(try self.answer("permessage-deflate\(parameters)") == nil)
        #expect(
            try self.answer("permessage-deflate\(parameters), permessage-deflate; server_max_window_bits=12")
                == Self.both + "; server_max_window_bits=12"
        )
    }

    @Test(arguments: ["", "x-webkit-deflate-frame", "permessage-bzip2, foo; a=b", "Permessage-Deflate", "permessage-deflate2"])
    func `Other extensions are not answered`(field: String) throws {
        #expect(try self.answer(field) == nil)
    }

    @Test func `The first offer that can be accepted is, not the best`() throws {
        #expect(
            try self.answer("foo, permessage-deflate; server_max_window_bits=9, permessage-deflate")
                == Self.both + "; server_max_window_bits=9"
        )
    }

    @Test func `A message goes compressed to clients in whose window it lies as a whole`() throws {
        for bits in 8...14 {
            let agreement = try #require(
                NegotiatedDeflate.accepting([ExtensionOffer("permessage-deflate", [.init("server_max_window_bits", "\(bits)")])])
            )
            #expect(agreement.allowsCompressed(bytes: 1 << bits))
            #expect(!agreement.allowsCompressed(bytes: (1 << bits) + 1))
        }
        for parameters in [[], [ExtensionOffer.Parameter("server_max_window_bits", "15")]] {
            let agreement = try #require(NegotiatedDeflate.accepting([ExtensionOffer("permessage-deflate", parameters)]))
            #expect(agreement.allowsCompressed(bytes: 16 << 20))
        }
    }
}
