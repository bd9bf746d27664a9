import VolaryBackplane
import VolaryProtocol

/// Reads the query of a handshake's target. Unknown parameters are ignored.
enum HandshakeQuery {
    /// The values of a parameter, still percent-encoded. A percent-encoded parameter name is not recognized.
    /// - Parameter target: the request's path and query.
    static func values(of name: String, inTarget target: String) -> [Substring] {
        let query = target.utf8.drop { $0 != UInt8(ascii: "?") }.dropFirst()
        return query.split(separator: UInt8(ascii: "&")).filter { $0.starts(with: "\(name)=".utf8) }
            .map { Substring($0.dropFirst(name.utf8.count + 1)) }
    }

    /// All parameters in their order, decoded as forms are: a plus sign is a space. The name `access_token` is known in any case.
    /// What cannot be decoded stays as it is.
    static func pairs(ofTarget target: String) -> [(name: UTF8Text, value: UTF8Text)] {
        let query = target.utf8.drop { $0 != UInt8(ascii: "?") }.dropFirst()
        return query.split(separator: UInt8(ascii: "&")).map { part in
            let name = part.prefix { $0 != UInt8(ascii: "=") }
            let isToken = Substring(name).isSame(BearerToken.queryParameter)
            let key = isToken ? UTF8Text(BearerToken.queryParameter) : self.decoded(Substring(name))
            return (key, self.decoded(Substring(part[name.endIndex...].dropFirst())))
        }
    }

    /// As ``pairs(ofTarget:)``. Of a repeated one the last value.
    static func parameters(ofTarget target: String) -> [UTF8Text: UTF8Text] {
        Dictionary(self.pairs(ofTarget: target).map { ($0.name, $0.value) }) { $1 }
    }

    private static func decoded(_ text: Substring) -> UTF8Text {
        let text = text.utf8.contains(UInt8(ascii: "+")) ? Substring(text.replacing("+", with: " ")) : text
        return PercentEncoding.decode(text) ?? UTF8Text(String(text))
    }
}
