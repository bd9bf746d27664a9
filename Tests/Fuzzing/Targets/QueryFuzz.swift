import HTTPTypes
import NIOCore
import VolaryProtocol

@testable import VolaryBackplane
@testable import VolaryNode

enum QueryFuzz {
    /// A query whose values are encoded again has the same values; percent-encoding and decoding are inverse.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        let text = String(decoding: input, as: UTF8.self)
        if let decoded = PercentEncoding.decode(text[...]) {
            try hold(PercentEncoding.decode(self.encode(decoded)[...]) == decoded, "\(decoded) is decoded to something else")
        }
        guard let query = self.query(text) else { return }
        let values = ["limit", "user"].compactMap { name in query.text(name).map { "\(name)=\(self.encode($0))" } }
        guard let again = self.query(values.joined(separator: "&")) else {
            throw FuzzFailure(description: "\(values) is refused")
        }
        for name in ["limit", "user"] { try hold(again.text(name) == query.text(name), "\(name) differs") }
        if let limit = try? query.integer("limit", in: 1...1000) { try hold((1...1000).contains(limit), "limit is \(limit)") }
        _ = try? query.name("user")
        _ = try? query.connectionID("user")
        _ = try? query.duration("limit", in: .zero...(.seconds(30)))
    }

    private static func query(_ text: String) -> Query? {
        let head = HTTPRequest(method: .get, scheme: "http", authority: "h", path: "/api?\(text)")
        return try? Query(Request(head: head, body: RequestBody(buffer: ByteBuffer())), only: "limit", "user")
    }

    /// RFC 3986 section 2.1, for every byte.
    private static func encode(_ text: UTF8Text) -> String {
        text.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    static var seeds: [[UInt8]] {
        ["limit=10&user=ann", "limit=1s&user=%E2%82%AC", "user=a+b", "limit=%31%30", "user=%", "limit=1&limit=2", "&&=&", ""].map
        {
            Array($0.utf8)
        }
    }
}
