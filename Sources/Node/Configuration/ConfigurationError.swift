import VolaryProtocol

/// A value that stops the start, in one line: where it was set, what it was, and what is allowed.
public struct ConfigurationError: Error, Hashable, CustomStringConvertible {
    /// Where a value was set.
    public enum Origin: Hashable, Sendable {
        case flag
        /// An environment variable.
        case variable
        /// The file of this path.
        case file(String)
        /// A place in the file that is wrong by itself, counted from 1; columns count Unicode scalars.
        case place(file: String, line: Int, column: Int)
    }

    public let option: String
    /// Nil when it must not be shown.
    public let value: String?
    public let allowed: String
    /// Checks know only the option; ``ConfigurationLoader`` knows where its value was set.
    public var origin: Origin

    public init(option: String, value: String?, allowed: String, origin: Origin = .flag) {
        self.option = option
        self.value = value
        self.allowed = allowed
        self.origin = origin
    }

    public var description: String {
        let shown = self.value.map { " \"\(Self.printable($0))\"" } ?? ""
        return "\(self.subject)\(shown): \(Self.printable(self.allowed, maximumBytes: 500))"
    }

    private var subject: String {
        switch self.origin {
        case .flag: "--\(self.option)"
        case .variable: ConfigurationOption.variable(named: self.option)
        case .file(let path): "\(Self.printable(path)) \"\(self.option)\""
        case .place(let path, let line, let column): "\(Self.printable(path)), line \(line), column \(column)"
        }
    }

    /// One line whatever was given, and not a long one.
    static func printable(_ value: String, maximumBytes: Int = 100) -> String {
        let cut = value.prefix(maximumBytes: maximumBytes)
        return cut.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : String($0) }.joined()
            + (cut.endIndex < value.endIndex ? "…" : "")
    }
}
