/// The name of the history of Redis' data, see ``RedisScript/order``.
enum RedisHistory {
    /// - Parameter text: the answer to INFO.
    /// - Returns: nil for a server that does not tell it.
    static func named(in text: String) -> String? {
        for line in text.split(whereSeparator: \.isNewline) {
            guard let value = line.firstRange(of: "master_replid:"), value.lowerBound == line.startIndex else { continue }
            return String(line[value.upperBound...])
        }
        return nil
    }
}
