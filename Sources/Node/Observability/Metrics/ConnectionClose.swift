import VolaryProtocol

/// The end of a WebSocket, as metric labels.
struct ConnectionClose: MetricLabel {
    /// The side that ended it: the sender of the first close frame or, without one, the side that ended the connection.
    enum Side: Int, CaseIterable, Sendable {
        case client
        case server
    }

    /// The codes of RFC 6455 section 7.4 and of ``CloseCode``, including 1005 (no code) and 1006 (no close frame). All others,
    /// such as codes that a REST caller chose, are counted together.
    private static let codes: [UInt16] = [
        1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3008,
    ]

    static let all = (0...Self.codes.count).flatMap { code in Side.allCases.map { Self(codeIndex: code, side: $0) } }

    private let codeIndex: Int
    let side: Side

    private init(codeIndex: Int, side: Side) {
        self.codeIndex = codeIndex
        self.side = side
    }

    /// - Parameter code: nil for no close frame; 1005 for one without a code.
    init(code: CloseCode?, side: Side) {
        let code = code?.rawValue ?? 1006
        self.init(codeIndex: Self.codes.firstIndex(of: code) ?? Self.codes.count, side: side)
    }

    var index: Int { self.codeIndex * Side.allCases.count + self.side.rawValue }

    /// `other` for a code without a label of its own.
    var code: String { self.codeIndex < Self.codes.count ? String(Self.codes[self.codeIndex]) : "other" }

    var dimensions: [(String, String)] { [("code", self.code), ("side", "\(self.side)")] }
}
