import TestSupport

/// What a server does with the bytes of one connection.
struct Exchange: Sendable {
    /// All that came.
    let text: String
    /// Whether the server ended the connection within the deadline.
    let isEnded: Bool

    /// Of the answers, in their order; 100 is none.
    var statuses: [Int] {
        self.text.matches(of: #/HTTP/1\.[01] (\d\d\d) /#).compactMap { Int($0.1) }.filter { $0 != 100 }
    }

    /// Sends bytes on a connection of their own, and reads until the server ends it.
    /// - Parameters:
    ///   - text: each scalar up to U+00FF is one byte.
    ///   - endsAfterAnswer: the client ends its half once something has come: for servers that keep connections.
    static func with(
        port: Int,
        tls: TestTLS? = nil,
        _ text: String,
        endsAfterAnswer: Bool = false,
        within deadline: Duration = .seconds(5)
    ) async throws -> Exchange {
        let client = try await RawTestClient.connect(port: port, tls: tls, allowsHalfClosure: endsAfterAnswer)
        // A server may end the connection before it has taken all of it.
        _ = await client.sends(Self.bytes(text), within: deadline)
        if endsAfterAnswer {
            _ = await eventually(within: deadline) { client.isEnded || !client.bytes.isEmpty }
            try? await client.endOutput()
        }
        let isEnded = await eventually(within: deadline) { client.isEnded }
        return Exchange(text: client.received, isEnded: isEnded)
    }

    /// Of a client, empty, masked with zeros: behind a handshake, so that a WebSocket ends at once.
    static let closeFrame = "\u{88}\u{80}\u{0}\u{0}\u{0}\u{0}"

    static func bytes(_ text: String) -> [UInt8] { text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } }

    /// The other way round: a scalar for each byte.
    static func text(ofHexadecimal digits: String) -> String {
        let values = digits.compactMap(\.hexDigitValue)
        let bytes = stride(from: 0, to: values.count - 1, by: 2).map { UInt8(values[$0] * 16 + values[$0 + 1]) }
        return String(String.UnicodeScalarView(bytes.map { UnicodeScalar($0) }))
    }

    /// For messages of tests that fail.
    static func printable(_ text: String) -> String { String(text.debugDescription.prefix(200)) }
}
