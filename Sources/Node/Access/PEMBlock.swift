/// One `-----BEGIN …-----` of a file with its end (RFC 7468).
struct PEMBlock {
    let label: String
    /// With both lines.
    let text: String

    /// - Returns: nil when a block does not end, or ends as another one.
    static func all(in text: String) -> [PEMBlock]? {
        var blocks: [PEMBlock] = []
        var lines: [Substring] = []
        var label: Substring?
        for line in text.split(whereSeparator: \.isNewline) {
            if let begun = label {
                lines.append(line)
                guard line.hasPrefix("-----END") else { continue }
                guard line == "-----END \(begun)-----" else { return nil }
                blocks.append(PEMBlock(label: String(begun), text: lines.joined(separator: "\n") + "\n"))
                label = nil
            } else if line.hasPrefix("-----BEGIN "), line.hasSuffix("-----") {
                label = line.dropFirst(11).dropLast(5)
                lines = [line]
            }
        }
        return label == nil ? blocks : nil
    }
}
