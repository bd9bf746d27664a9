/// Valid names of users and groups that programs often handle incorrectly.
public enum AwkwardNames {
    public static let all: [String] = [
        // Names as identity providers issue them.
        "auth0|5f7c8ec7c33c6c004bbafe82", "spiffe://example.org/ns/default/sa/web", "/staff", "/staff/night shift",
        "Domain Users",
        "repo:octo-org/octo-repo:environment:Production", "0f8fad5b-d9cb-469f-a165-70867728950e", "Ann Lee <ann@example.org>",
        // Separators of paths, queries, keys, lists and logs.
        "a/b/../c", ".", "..", "%2F", "a%20b", "%", "+", "a+b", "{tag}", "}{", "u/ann/", "b/ann/red/", "*", "?", "[x]",
        "a,b;c=d&e?f#g",
        "\"quoted\" \\ back", "'", " ", "a ", "\t", "a\nb", "\r\n", "\u{1}", "\u{7F}", "\u{85}", "\u{2028}",
        "#e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        // Beyond ASCII: different names that look the same, or are canonically equivalent in Unicode.
        "\u{E9}", "e\u{301}", "a\u{301}\u{323}", "a\u{323}\u{301}", "\u{212A}", "K", "\u{301}", "日本語", "😀", "👩‍👩‍👧", "\u{202E}abc",
        "עברית", "\u{FEFF}x", "\u{FFFD}", "\u{FFFF}", "\u{10FFFF}",
        // The longest names.
        String(repeating: "n", count: 1024), String(repeating: "日", count: 1024), String(repeating: "😀", count: 512),
        String(repeating: "\u{301}", count: 1024), String(repeating: "\u{1}", count: 1024), String(repeating: "/", count: 1024),
        // Around the length at which Redis' keys contain a hash instead of the name.
        String(repeating: "n", count: 256), String(repeating: "n", count: 257), String(repeating: "/", count: 85),
        String(repeating: "/", count: 86),
    ]

    /// RFC 3986 section 2.1: encodes all bytes except letters and digits.
    public static func percentEncoded(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                String(UnicodeScalar(byte))
            default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
