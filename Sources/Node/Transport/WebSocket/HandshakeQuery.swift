/// The query of a handshake's target, which has few parameters and lets others pass that are not ours.
enum HandshakeQuery {
    /// The values of a parameter, still percent-encoded. Its name must not be encoded.
    /// - Parameter target: of the request: path and query.
    static func values(of name: String, inTarget target: String) -> [Substring] {
        let query = target.utf8.drop { $0 != UInt8(ascii: "?") }.dropFirst()
        return query.split(separator: UInt8(ascii: "&")).filter { $0.starts(with: "\(name)=".utf8) }
            .map { Substring($0.dropFirst(name.utf8.count + 1)) }
    }
}
