import TestSupport

/// A server's reaction to the bytes of one connection.
struct Exchange: Sendable {
    /// All received bytes.
    let text: String
    /// Whether the server closed the connection within the deadline.
    let isEnded: Bool

    /// The statuses of the answers in order, without 100.
    var statuses: [Int] {
        self.text.matches(of: #/HTTP/1\.[01] (\d\d\d) /#).compactMap { Int($0.1) }.filter { $0 != 100 }
    }

    /// Sends bytes on a new connection, and reads until the server closes it.
    /// - Parameters:
    ///   - text: each scalar up to U+00FF is one byte.
    ///   - endsAfterAnswer: whether the client half-closes the connection after the first bytes of an answer, for servers that
    ///     keep connections open.
    static func with(
        port: Int,
        tls: TestTLS? = nil,
        _ text: String,
        endsAfterAnswer: Bool = false,
        within deadline: Duration = .seconds(5)
    ) async throws -> Exchange {
        let client = try await RawTestClient.connect(port: port, tls: tls, allowsHalfClosure: endsAfterAnswer)
        // A server may close the connection before it has taken all bytes.
        _ = await client.sends(Self.bytes(text), within: deadline)
        if endsAfterAnswer {
            _ = await eventually(within: deadline) { client.isEnded || !client.bytes.isEmpty }
            try? await client.endOutput()
        }
        let isEnded = await eventually(within: deadline) { client.isEnded }
        return Exchange(text: client.received, isEnded: isEnded)
    }

    /// A client's empty close frame, masked with zeros. After a handshake it makes a WebSocket end at once.
    static let closeFrame = "\u{88}\u{80}\u{0}\u{0}\u{0}\u{0}"

    static func bytes(_ text: String) -> [UInt8] { text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } }

    /// The inverse of ``bytes(_:)``: a scalar for each byte.
    static func text(ofHexadecimal digits: String) -> String {
        let values = digits.compactMap(\.hexDigitValue)
        let bytes = stride(from: 0, to: values.count - 1, by: 2).map { UInt8(values[$0] * 16 + values[$0 + 1]) }
        return String(String.UnicodeScalarView(bytes.map { UnicodeScalar($0) }))
    }

    /// For messages of failed tests.
    static func printable(_ text: String) -> String { String(text.debugDescription.prefix(200)) }
}
