import Testing

@testable import VolaryNode

/// Where a token stands.
@Suite
struct BearerTokenTests {
    private func inAuthorization(_ values: [String]) -> Result<String?, TokenError> {
        Result { () throws(TokenError) in try BearerToken.inAuthorization(values) }
    }

    @Test func `In Authorization, of the scheme Bearer, once`() {
        #expect(self.inAuthorization([]) == .success(nil))
        for value in ["Bearer abc", "bearer abc", "BEARER   abc"] { #expect(self.inAuthorization([value]) == .success("abc")) }
        for value in ["Bearer", "Bearer ", "Bearer a b", "Bearer ä", "Bearer a\tb"] {
            #expect(self.inAuthorization([value]) == .failure(.malformed), "\(value)")
        }
        #expect(self.inAuthorization(["Bearer a", "Bearer a"]) == .failure(.ambiguous))
    }

    @Test
    func `Credentials of another scheme are somebody else's`() {
        for value in ["", "Basic abc", "abc", "Bearerabc", "Beare", "\u{E9}earer a", "Negotiate bearer"] {
            #expect(self.inAuthorization([value]) == .success(nil), "\(value)")
            #expect(self.inAuthorization([value, "Bearer a"]) == .success("a"), "\(value)")
        }
    }

    @Test func `In an entry of the subprotocols, once`() throws {
        #expect(try BearerToken.inSubprotocols([]) == nil)
        #expect(try BearerToken.inSubprotocols(["volary", "other.token.a"]) == nil)
        #expect(try BearerToken.inSubprotocols(["volary", "volary.token.a.b.c"]) == "a.b.c")
        #expect(throws: TokenError.ambiguous) { try BearerToken.inSubprotocols(["volary.token.a", "volary.token.a"]) }
    }

    @Test func `In the query, once, as it is`() throws {
        for target in ["/ws", "/ws?", "/ws?a=access_token=b", "/ws?access_token", "/ws?xaccess_token=a", "/access_token=a"] {
            #expect(try BearerToken.inQuery(ofTarget: target) == nil, "\(target)")
        }
        #expect(try BearerToken.inQuery(ofTarget: "/ws?user=x&access_token=a.b.c&y") == "a.b.c")
        #expect(try BearerToken.inQuery(ofTarget: "/ws?access_token=%61") == "%61")
        #expect(throws: TokenError.ambiguous) { try BearerToken.inQuery(ofTarget: "/ws?access_token=a&access_token=b") }
    }
}

extension Result where Failure == TokenError {
    fileprivate init(_ body: () throws(TokenError) -> Success) {
        do throws(TokenError) { self = .success(try body()) } catch { self = .failure(error) }
    }
}
