/// Text form of sizes: `512`, `64KiB`, `1MiB`.
enum ByteSizeText {
    /// - Returns: bytes; nil unless the text is a whole number of at most nine digits, followed by `KiB`, `MiB` or nothing.
    static func parse(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard (1...9).contains(digits.count), let value = Int(digits) else { return nil }
        switch text.dropFirst(digits.count) {
        case "": return value
        case "KiB": return value * 1024
        case "MiB": return value * 1024 * 1024
        default: return nil
        }
    }

    /// Uses the largest unit that divides the size.
    static func format(_ bytes: Int) -> String {
        if bytes >= 1 << 20, bytes % (1 << 20) == 0 { return "\(bytes >> 20)MiB" }
        if bytes >= 1 << 10, bytes % (1 << 10) == 0 { return "\(bytes >> 10)KiB" }
        return "\(bytes)"
    }
}
