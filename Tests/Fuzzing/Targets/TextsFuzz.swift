import Protocol

@testable import Node

enum TextsFuzz {
    /// What is read from a text and written again is read as the same.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        let text = String(decoding: input, as: UTF8.self)
        if let name = Name(text) {
            try hold(name.text == text && Name(name.description) == name, "\(name) is another name")
        }
        if let id = ConnectionID(text) { try hold(ConnectionID(id.description) == id, "\(id) is another id") }
        if let id = NodeID(text) { try hold(NodeID(id.description) == id, "\(id) is another node") }
        if let topic = Topic(name: text) { try hold(topic.name == text, "\(topic) has another name") }
        if let size = ByteSizeText.parse(text) {
            try hold(ByteSizeText.parse(ByteSizeText.format(size)) == size, "\(size) is another size")
        }
        if let time = DurationText.parse(text), time > .zero {
            try hold(DurationText.parse(DurationText.format(time)) == time, "\(time) is another time")
        }
        _ = AllowedOrigins(text)
    }

    static var seeds: [[UInt8]] {
        [
            "ann.B-9_~@:+=", "0123456789abcdef0123456701020304", "01020304", "all", "group:red", "user:ann", "node:01020304",
            "64KiB",
            "1MiB", "512", "250ms", "5s", "2m", "1h", "https://app.example.org,http://localhost:3000", "http://[::1]:8080", "*",
        ].map { Array($0.utf8) }
    }
}
