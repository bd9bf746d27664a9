/// Sizes as people write them: `512`, `64KiB`, `1MiB`.
enum ByteSizeText {
    /// - Returns: bytes; nil for anything but a whole number of at most nine digits and one of the units.
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

    /// In the largest unit that leaves nothing over.
    static func format(_ bytes: Int) -> String {
        if bytes >= 1 << 20, bytes % (1 << 20) == 0 { return "\(bytes >> 20)MiB" }
        if bytes >= 1 << 10, bytes % (1 << 10) == 0 { return "\(bytes >> 10)KiB" }
        return "\(bytes)"
    }
}
