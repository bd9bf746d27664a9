/// Text form of durations: `250ms`, `5s`, `2m`, `1h`.
enum DurationText {
    /// - Returns: nil unless the text is a whole number of at most nine digits, followed by one of the four units.
    static func parse(_ text: String) -> Duration? {
        // Longer texts are invalid, and of unknown length and origin.
        guard text.utf8.count <= 11 else { return nil }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard (1...9).contains(digits.count), let value = Int64(digits) else { return nil }
        switch text.dropFirst(digits.count) {
        case "ms": return .milliseconds(value)
        case "s": return .seconds(value)
        case "m": return .seconds(value * 60)
        case "h": return .seconds(value * 3600)
        default: return nil
        }
    }

    /// Uses the largest unit that divides the duration; fractions of a millisecond are dropped.
    static func format(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = attoseconds / 1_000_000_000_000_000
        if milliseconds != 0 { return "\(seconds * 1000 + milliseconds)ms" }
        if seconds != 0, seconds % 3600 == 0 { return "\(seconds / 3600)h" }
        if seconds != 0, seconds % 60 == 0 { return "\(seconds / 60)m" }
        return "\(seconds)s"
    }
}
