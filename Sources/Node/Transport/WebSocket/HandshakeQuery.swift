/// Reads the query of a handshake's target. Unknown parameters are ignored.
enum HandshakeQuery {
    /// The values of a parameter, still percent-encoded. A percent-encoded parameter name is not recognized.
    /// - Parameter target: the request's path and query.
    static func values(of name: String, inTarget target: String) -> [Substring] {
        let query = target.utf8.drop { $0 != UInt8(ascii: "?") }.dropFirst()
        return query.split(separator: UInt8(ascii: "&")).filter { $0.starts(with: "\(name)=".utf8) }
            .map { Substring($0.dropFirst(name.utf8.count + 1)) }
    }
}
