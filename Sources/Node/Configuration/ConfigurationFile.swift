import Foundation

/// Reads the file of `--config`: one JSON object (RFC 8259). Members are option names; values are strings, whole numbers or, for
/// switches, true or false. Errors name the line and column.
struct ConfigurationFile {
    private static let example = "expected a JSON object such as {\"port\": 8081, \"lease\": \"5s\"}"

    private let path: String
    private let bytes: [UInt8]
    private var position = 0

    /// - Parameter origin: where the path was set.
    /// - Returns: the values of the options that the file names.
    static func values(
        _ path: String,
        origin: ConfigurationError.Origin
    ) throws(ConfigurationError) -> [ConfigurationOption: String] {
        let text: Data
        do throws(OperatorFile.ReadError) {
            text = try OperatorFile.text(path)
        } catch {
            throw ConfigurationError(option: "config", value: path, allowed: error.description, origin: origin)
        }
        var file = ConfigurationFile(path: path, bytes: Array(text))
        return try file.object()
    }

    private init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }

    // MARK: - The object

    private mutating func object() throws(ConfigurationError) -> [ConfigurationOption: String] {
        guard String(validating: self.bytes, as: UTF8.self) != nil else { throw self.wrong("the file is not UTF-8") }
        guard self.take("{") else { throw self.wrong(self.kind) }
        var values: [ConfigurationOption: String] = [:]
        if !self.take("}") {
            repeat {
                let (option, value) = try self.member(unlike: Set(values.keys))
                values[option] = value
            } while self.take(",")
            guard self.take("}") else { throw self.wrong("expected ',' or '}'") }
        }
        guard self.next == nil else { throw self.wrong("unexpected text after the object") }
        return values
    }

    private mutating func member(
        unlike others: Set<ConfigurationOption>
    ) throws(ConfigurationError) -> (ConfigurationOption, String) {
        guard self.next == UInt8(ascii: "\"") else { throw self.wrong(self.noName) }
        let start = self.position
        let name = try self.string()
        let shown = "\"\(ConfigurationError.printable(name))\""
        guard let option = ConfigurationOption(rawValue: name) else {
            let suggestion = ConfigurationOption.suggestion(for: name).map { "; did you mean \"\($0)\"?" } ?? ""
            throw self.wrong("\(shown) is not an option\(suggestion)", at: start)
        }
        guard !others.contains(option) else { throw self.wrong("\(shown) appears twice", at: start) }
        guard self.take(":") else { throw self.wrong("expected ':' and a value after \(shown)") }
        return (option, try self.value(of: option))
    }

    private var noName: String {
        mutating get {
            switch self.next {
            case UInt8(ascii: "}"): "unexpected ',' before '}'"
            case UInt8(ascii: "/"), UInt8(ascii: "#"): "JSON has no comments"
            case UInt8(ascii: "'"): "JSON uses double quotation marks (\"), not '"
            default: "expected an option name in double quotation marks"
            }
        }
    }

    // MARK: - Values

    private mutating func value(of option: ConfigurationOption) throws(ConfigurationError) -> String {
        guard let first = self.next else { throw self.wrong("the file ends before the value of \"\(option.rawValue)\"") }
        if first == UInt8(ascii: "\"") { return try self.string() }
        let start = self.position
        let word = self.word()
        switch word {
        case "true" where option.isSwitch: return "on"
        case "false" where option.isSwitch: return "off"
        case _ where Int(word) != nil && !word.hasPrefix("+"): return word
        case _ where option.isSwitch:
            throw self.wrong("\"\(option.rawValue)\" must be true, false, \"on\" or \"off\"", at: start)
        default:
            throw self.wrong("\"\(option.rawValue)\" must be a string in double quotation marks or a whole number", at: start)
        }
    }

    /// The next token that is not a string: a number, `true`, `false`, or something invalid.
    private mutating func word() -> String {
        let end = self.bytes[self.position...].firstIndex { " \t\r\n,:{}[]\"".utf8.contains($0) } ?? self.bytes.endIndex
        defer { self.position = end }
        return String(decoding: self.bytes[self.position..<end].prefix(100), as: UTF8.self)
    }

    private mutating func string() throws(ConfigurationError) -> String {
        let start = self.position
        self.position += 1
        while let byte = self.byte, byte != UInt8(ascii: "\"") {
            guard byte >= 0x20 else {
                throw self.wrong("a string must end on the same line, with a double quotation mark")
            }
            self.position += byte == UInt8(ascii: "\\") ? 2 : 1
        }
        guard self.byte != nil else { throw self.wrong("this string is not terminated", at: start) }
        self.position += 1
        guard let text = try? JSONDecoder().decode(String.self, from: Data(self.bytes[start..<self.position])) else {
            throw self.wrong("this string has an invalid escape sequence; write a backslash as '\\\\'", at: start)
        }
        return text
    }

    // MARK: - Bytes

    private var byte: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    /// Skips white space; the next byte, without consuming it.
    private var next: UInt8? {
        mutating get {
            while let byte = self.byte, " \t\r\n".utf8.contains(byte) { self.position += 1 }
            return self.byte
        }
    }

    private mutating func take(_ sign: Unicode.Scalar) -> Bool {
        guard self.next == UInt8(ascii: sign) else { return false }
        self.position += 1
        return true
    }

    // MARK: - Errors

    /// The error for a file that is not a JSON object: names YAML and TOML when it looks like one.
    private var kind: String {
        let text = String(decoding: self.bytes, as: UTF8.self)
        let lines = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("#") && !$0.allSatisfy(\.isWhitespace) }
        guard let line = lines.first else { return "the file is empty; \(Self.example)" }
        if line.hasPrefix("---") || line.contains(/^[\w-]+:(\s|$)/) { return "this looks like YAML; \(Self.example)" }
        if line.contains(/^\[[A-Za-z]/) || line.contains(/^[\w-]+\s*=/) {
            return "this looks like TOML or environment variables; \(Self.example)"
        }
        return Self.example
    }

    /// - Parameter place: byte offset; nil: the current position.
    private func wrong(_ what: String, at place: Int? = nil) -> ConfigurationError {
        let before = String(decoding: self.bytes.prefix(place ?? self.position), as: UTF8.self).unicodeScalars
        let lastEnd = before.lastIndex(of: "\n")
        let column = before[(lastEnd.map(before.index(after:)) ?? before.startIndex)...].count + 1
        let line = before.count { $0 == "\n" } + 1
        return ConfigurationError(
            option: "config",
            value: nil,
            allowed: what,
            origin: .place(file: self.path, line: line, column: column)
        )
    }
}
