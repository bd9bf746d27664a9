/// The functions of filters, by their names in lower case. Positions and lengths are in UTF-16 code units.
enum FilterFunction: String, Sendable {
    case length
    case lowercase = "tolower"
    case uppercase = "toupper"
    case trim
    case concat
    case substring
    case startsWith = "startswith"
    case endsWith = "endswith"
    case contains
    case indexOf = "indexof"

    var result: FilterType {
        switch self {
        case .length, .indexOf: .number
        case .lowercase, .uppercase, .trim, .concat, .substring: .text
        case .startsWith, .endsWith, .contains: .boolean
        }
    }

    /// Types of the arguments. The last argument of `substring` may be left out.
    var parameters: [FilterType] {
        switch self {
        case .length, .lowercase, .uppercase, .trim: [.text]
        case .concat, .startsWith, .endsWith, .contains, .indexOf: [.text, .text]
        case .substring: [.text, .number, .number]
        }
    }

    /// Null if an argument is null.
    /// - Parameter arguments: values of the right types.
    func value(_ arguments: [FilterValue]) -> FilterValue {
        guard case .text(let text)? = arguments.first, !arguments.contains(.null) else { return .null }
        var second: UTF8Text { if arguments.count > 1, case .text(let text) = arguments[1] { text } else { "" } }
        switch self {
        case .length: return .number(Int64(text.string.utf16.count))
        case .lowercase: return .text(text.mapScalars { $0.properties.lowercaseMapping })
        case .uppercase: return .text(text.mapScalars { $0.properties.uppercaseMapping })
        case .trim: return .text(text.trimmed)
        case .concat: return .text(UTF8Text(text.string + second.string))
        case .substring:
            let numbers = arguments.dropFirst().map { if case .number(let number) = $0 { number } else { Int64(-1) } }
            return text.substring(from: numbers[0], length: numbers.count > 1 ? numbers[1] : nil).map { .text($0) } ?? .null
        case .startsWith: return .boolean(text.utf8.starts(with: second.utf8))
        case .endsWith: return .boolean(text.utf8.reversed().starts(with: second.utf8.reversed()))
        case .contains: return .boolean(text.index(of: second) != nil)
        case .indexOf: return .number(text.index(of: second).map { Int64($0) } ?? -1)
        }
    }
}

extension UTF8Text {
    /// Replaces each scalar whose mapping is a single scalar, as .NET's invariant culture does.
    fileprivate func mapScalars(_ mapping: (Unicode.Scalar) -> String) -> UTF8Text {
        var scalars = String.UnicodeScalarView()
        for scalar in self.string.unicodeScalars {
            let mapped = mapping(scalar).unicodeScalars
            scalars.append(mapped.count == 1 ? mapped[mapped.startIndex] : scalar)
        }
        return UTF8Text(String(scalars))
    }

    fileprivate var trimmed: UTF8Text {
        let scalars = self.string.unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return UTF8Text(String(scalars[first...last]))
    }

    /// - Returns: nil for a range that is not within the text, or that divides a character above U+FFFF.
    fileprivate func substring(from start: Int64, length: Int64?) -> UTF8Text? {
        let units = self.string.utf16
        let count = Int64(units.count)
        guard (0...count).contains(start), length.map({ (0...count - start).contains($0) }) ?? true else { return nil }
        let first = units.index(units.startIndex, offsetBy: Int(start))
        let end = length.map { units.index(first, offsetBy: Int($0)) } ?? units.endIndex
        return String(units[first..<end]).map { UTF8Text($0) }
    }

    /// Position of another text in this one; nil if it is not there.
    fileprivate func index(of other: UTF8Text) -> Int? {
        guard !other.utf8.isEmpty else { return 0 }
        var found: Int?
        ByteSearch(for: Array(other.utf8)).forEachMatch(in: Array(self.utf8)) { index in
            found = index
            return false
        }
        return found.map {
            self.string.utf16.distance(from: self.string.startIndex, to: self.utf8.index(self.utf8.startIndex, offsetBy: $0))
        }
    }
}
