/// One block of a PEM file, from `-----BEGIN …-----` to `-----END …-----` (RFC 7468).
struct PEMBlock {
    let label: String
    /// Includes the BEGIN and END lines.
    let text: String

    /// - Returns: nil when a block has no END line, or one with another label.
    static func all(in lines: [Substring]) -> [PEMBlock]? {
        var blocks: [PEMBlock] = []
        var block: [Substring] = []
        var label: Substring?
        for line in lines {
            if let begun = label {
                block.append(line)
                guard line.hasPrefix("-----END") else { continue }
                guard line == "-----END \(begun)-----" else { return nil }
                blocks.append(PEMBlock(label: String(begun), text: block.joined(separator: "\n") + "\n"))
                label = nil
            } else if line.hasPrefix("-----BEGIN "), line.hasSuffix("-----") {
                label = line.dropFirst(11).dropLast(5)
                block = [line]
            }
        }
        return label == nil ? blocks : nil
    }
}
