/// A value that stops the start: which option, what it was, and what is allowed, in one line.
public struct ConfigurationError: Error, Hashable, CustomStringConvertible {
    public let option: String
    /// Nil when it must not be shown.
    public let value: String?
    public let allowed: String

    public var description: String {
        let shown = self.value.map { " \"\(Self.printable($0))\"" } ?? ""
        return "--\(self.option)\(shown): \(self.allowed)"
    }

    /// One line whatever was given, and not a long one.
    private static func printable(_ value: String) -> String {
        let cut = value.unicodeScalars.prefix(100)
        return cut.map { $0.properties.generalCategory == .control ? "?" : String($0) }.joined()
            + (cut.count < value.unicodeScalars.count ? "…" : "")
    }
}
