/// A pattern for names of groups. It matches whole names, by bytes.
///
/// | token | matches |
/// | --- | --- |
/// | `*` | any number of characters except `.` |
/// | `**`, and more stars | any number of characters |
/// | `?` | one character (Unicode scalar) except `.` |
/// | `\*`, `\?`, `\\` | that character |
/// | any other | itself |
///
/// A pattern has few wildcards, so a match takes time in proportion to the lengths of the pattern and the name.
struct GroupPattern: Hashable, Sendable {
    /// Length of the text: 1,024 UTF-16 code units.
    static let maximumUnits = 1024
    /// Number of wildcards. A run of stars is one.
    static let maximumWildcards = 5

    private enum Piece: Hashable {
        case literal([UInt8])
        case wildcard(Wildcard)
    }

    private enum Wildcard: Hashable {
        case one
        case withoutDots
        case any
    }

    private let pieces: [Piece]

    /// Whether the pattern matches every name.
    var matchesAll: Bool { self.pieces == [.wildcard(.any)] }

    /// A pattern with the same matches, for ``init(_:)``.
    var text: String {
        self.pieces.reduce(into: "") { text, piece in
            switch piece {
            case .literal(let bytes):
                for character in String(decoding: bytes, as: UTF8.self).unicodeScalars {
                    if "*?\\".unicodeScalars.contains(character) { text.append("\\") }
                    text.unicodeScalars.append(character)
                }
            case .wildcard(.one): text.append("?")
            case .wildcard(.withoutDots): text.append("*")
            case .wildcard(.any): text.append("**")
            }
        }
    }

    /// - Returns: nil for a backslash before another character, and for a pattern that is empty, too long or has too many
    ///   wildcards.
    init?(_ text: UTF8Text) {
        guard !text.utf8.isEmpty, text.utf8.count <= 3 * Self.maximumUnits, text.string.utf16.count <= Self.maximumUnits else {
            return nil
        }
        var pieces: [Piece] = []
        var literal: [UInt8] = []
        var wildcards = 0
        func append(_ wildcard: Wildcard) {
            if !literal.isEmpty { pieces.append(.literal(literal)) }
            literal = []
            pieces.append(.wildcard(wildcard))
            wildcards += 1
        }
        var rest = Substring(text.string).utf8
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "?"): append(.one)
            case UInt8(ascii: "*"):
                let more = rest.prefix { $0 == UInt8(ascii: "*") }.count
                rest = rest.dropFirst(more)
                append(more == 0 ? .withoutDots : .any)
            case UInt8(ascii: "\\"):
                guard let escaped = rest.popFirst(), #"*?\"#.utf8.contains(escaped) else { return nil }
                literal.append(escaped)
            default: literal.append(byte)
            }
            guard wildcards <= Self.maximumWildcards else { return nil }
        }
        if !literal.isEmpty { pieces.append(.literal(literal)) }
        self.pieces = pieces
    }

    func matches(_ group: AudienceName) -> Bool {
        let name = Array(group.text.utf8)
        /// Whether the pieces so far match the name up to a position.
        var isReached = [Bool](repeating: false, count: name.count + 1)
        isReached[0] = true
        for piece in self.pieces {
            switch piece {
            case .literal(let literal): Self.advance(&isReached, over: literal, in: name)
            case .wildcard(.one): Self.advanceByOne(&isReached, in: name)
            case .wildcard(.withoutDots): Self.spread(&isReached, in: name, overDots: false)
            case .wildcard(.any): Self.spread(&isReached, in: name, overDots: true)
            }
        }
        return isReached[name.count]
    }

    /// Every position from which a star can go on is reached from the positions before it.
    private static func spread(_ isReached: inout [Bool], in name: [UInt8], overDots: Bool) {
        for (index, byte) in name.enumerated() where isReached[index] && (overDots || byte != UInt8(ascii: ".")) {
            isReached[index + 1] = true
        }
    }

    private static func advanceByOne(_ isReached: inout [Bool], in name: [UInt8]) {
        var next = [Bool](repeating: false, count: isReached.count)
        for (index, byte) in name.enumerated() where isReached[index] && byte != UInt8(ascii: ".") {
            var end = index + 1
            // Continuation bytes.
            while end < name.count, name[end] & 0xC0 == 0x80 { end += 1 }
            next[end] = true
        }
        isReached = next
    }

    private static func advance(_ isReached: inout [Bool], over literal: [UInt8], in name: [UInt8]) {
        var next = [Bool](repeating: false, count: isReached.count)
        ByteSearch(for: literal).forEachMatch(in: name) { start in
            if isReached[start] { next[start + literal.count] = true }
            return true
        }
        isReached = next
    }
}
