/// Finds the known name that is most similar to an unknown one.
enum Suggestion {
    /// Longest unknown name that is compared, in bytes: longer ones are not typing errors, and comparing costs the product of the
    /// lengths.
    private static let maximumBytes = 64

    /// - Returns: the nearest known name, at an edit distance of at most 3 and at most a third of its length; nil when there is
    ///   none.
    static func nearest(to name: String, in known: [String]) -> String? {
        guard (1...self.maximumBytes).contains(name.utf8.count) else { return nil }
        if let contained = self.onlyOne(known.filter { self.shareWords($0, name) }) { return contained }
        let distances = known.map { ($0, self.distance(Array(name.utf8), Array($0.utf8))) }
        guard let (nearest, distance) = distances.min(by: { $0.1 < $1.1 }) else { return nil }
        return distance <= min(3, max(1, nearest.utf8.count / 3)) ? nearest : nil
    }

    /// Whether one name contains all words of the other (as in `node-name`), side by side.
    private static func shareWords(_ one: String, _ other: String) -> Bool {
        "-\(one)-".contains("-\(other)-") || "-\(other)-".contains("-\(one)-")
    }

    private static func onlyOne(_ names: [String]) -> String? { names.count == 1 ? names[0] : nil }

    /// Edit distance: bytes added, removed, replaced, or swapped with their neighbor (optimal string alignment). Neither may be
    /// empty.
    private static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        var rows = [Array(0...other.count)]
        for i in 1...one.count {
            var row = [i]
            for j in 1...other.count {
                let cost = one[i - 1] == other[j - 1] ? 0 : 1
                var best = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + cost)
                if i > 1, j > 1, one[i - 1] == other[j - 2], one[i - 2] == other[j - 1] {
                    best = min(best, rows[i - 2][j - 2] + 1)
                }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[one.count][other.count]
    }
}

extension ConfigurationOption {
    /// The option with the most similar name, for any spelling: `prot`, `nodeName`, `VOLARY_NODE_NAME`, `--node-name`.
    /// - Parameter others: further known names that are not options.
    static func suggestion(for name: String, or others: [String] = []) -> String? {
        var words = ""
        for character in name.prefix(100) {
            switch character {
            case "_", ".", " ": words += "-"
            // Splits nodeName into words, but not NODE_NAME into letters.
            case "A"..."Z" where words.last?.isLowercase == true && name.contains(where: \.isLowercase):
                words += "-\(character.lowercased())"
            default: words += character.lowercased()
            }
        }
        words = words.split(separator: "-").drop { $0 == "volary" }.joined(separator: "-")
        return Suggestion.nearest(to: words, in: ConfigurationOption.allCases.map(\.rawValue) + others)
    }
}
