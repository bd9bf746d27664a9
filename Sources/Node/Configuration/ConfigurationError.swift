import VolaryProtocol

/// An invalid configuration value, which stops the start. Described in one line: where it was set, its value, and what is
/// allowed.
public struct ConfigurationError: Error, Hashable, CustomStringConvertible {
    /// Where a value was set.
    public enum Origin: Hashable, Sendable {
        case flag
        /// An environment variable.
        case variable
        /// The file of this path.
        case file(String)
        /// A position in a file that is not valid. Line and column count from 1; columns count Unicode scalars.
        case place(file: String, line: Int, column: Int)
    }

    public let option: String
    /// Nil when the value may be a secret.
    public let value: String?
    public let allowed: String
    /// Set by ``ConfigurationLoader``, because the checks of single values do not know it.
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

    /// Makes one line of bounded length: control characters become `?`, the rest is cut off.
    static func printable(_ value: String, maximumBytes: Int = 100) -> String {
        let cut = value.prefix(maximumBytes: maximumBytes)
        return cut.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : String($0) }.joined()
            + (cut.endIndex < value.endIndex ? "…" : "")
    }
}
