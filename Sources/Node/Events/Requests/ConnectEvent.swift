import NIOCore
import NIOHTTP1
import VolaryProtocol

/// The body of a `connect` event: what a client that wants to connect has sent.
enum ConnectEvent {
    /// Fields of the request that no handler gets: credentials.
    private static let withheld: [UTF8Text] = ["authorization", "proxy-authorization"]

    /// - Parameter claims: of the client's token; nil for a client without one.
    static func body(of request: HTTPRequestHead, claims: PubSubTokenClaims?) -> ByteBuffer {
        let query = HandshakeQuery.pairs(ofTarget: request.uri).filter { $0.name.string != BearerToken.queryParameter }
        let fields = request.headers.map { (name: UTF8Text($0.name.lowercased()), value: UTF8Text($0.value)) }
            .filter { !self.withheld.contains($0.name) }
        let offered = WebSocketHandshake.subprotocols(of: request).map { JSONValue.text(UTF8Text($0)) }
        return JSONValue.object([
            .init(name: "claims", value: self.object(claims?.texts ?? [])),
            .init(name: "query", value: self.object(self.grouped(query))),
            .init(name: "headers", value: self.object(self.grouped(fields))),
            .init(name: "subprotocols", value: .list(offered)),
            // The node asks for no certificates.
            .init(name: "clientCertificates", value: .list([])),
        ]).encoded
    }

    private static func grouped(_ pairs: [(name: UTF8Text, value: UTF8Text)]) -> [(name: UTF8Text, values: [UTF8Text])] {
        var positions: [UTF8Text: Int] = [:]
        var groups: [(name: UTF8Text, values: [UTF8Text])] = []
        for (name, value) in pairs {
            if let position = positions[name] {
                groups[position].values.append(value)
            } else {
                positions[name] = groups.count
                groups.append((name, [value]))
            }
        }
        return groups
    }

    private static func object(_ lists: [(name: UTF8Text, values: [UTF8Text])]) -> JSONValue {
        .object(lists.map { .init(name: $0.name, value: .list($0.values.map { .text($0) })) })
    }
}
