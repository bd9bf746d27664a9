import VolaryProtocol

@testable import VolaryBackplane
@testable import VolaryNode

enum TextsFuzz {
    /// A value that is parsed from a text and written again is parsed as the same value.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        let text = String(decoding: input, as: UTF8.self)
        if let name = AudienceName(text) {
            try hold(name.text.utf8.elementsEqual(text.utf8) && AudienceName(name.description) == name, "\(name) is another name")
            try self.checkKey(of: name)
        }
        if let id = ConnectionID(text) { try hold(ConnectionID(id.description) == id, "\(id) is another id") }
        if let id = NodeID(text) { try hold(NodeID(id.description) == id, "\(id) is another node") }
        if let name = NameKey.decode(text) { try hold(NameKey.encode(name) == text, "\(name) is encoded to another text") }
        if let size = ByteSizeText.parse(text) {
            try hold(ByteSizeText.parse(ByteSizeText.format(size)) == size, "\(size) is another size")
        }
        if let time = DurationText.parse(text), time > .zero {
            try hold(DurationText.parse(DurationText.format(time)) == time, "\(time) is another time")
        }
        _ = AllowedOrigins(text)
    }

    /// The key for a name is short, within its alphabet, and decoded to the name unless it is a hash.
    private static func checkKey(of name: AudienceName) throws(FuzzFailure) {
        let key = NameKey(name)
        try hold((1...NameKey.maximumBytes).contains(key.description.utf8.count), "\(key) is too long")
        try hold(key.description.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"/{}\"\\*".utf8.contains($0) }, "\(key)")
        try hold(
            key.isHash ? key.description.utf8.count == 65 : NameKey.decode(key.description) == name,
            "\(key) is the key of another name"
        )
        try hold(NameKey.decode(NameKey.encode(name)) == name, "\(name) is decoded as another")
    }

    static var seeds: [[UInt8]] {
        [
            "ann.B-9_~@:+=", "0123456789abcdef0123456701020304", "01020304", "all", "/staff/a b", "e\u{301}%2F", "😀",
            "64KiB",
            "1MiB", "512", "250ms", "5s", "2m", "1h", "https://app.example.org,http://localhost:3000", "http://[::1]:8080", "*",
        ].map { Array($0.utf8) }
    }
}
