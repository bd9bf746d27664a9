import Foundation

/// The lines of a key file: of any line ends, without spaces and tabs at their beginnings and ends; those with nothing else are left out.
enum KeyFileLines {
    /// - Returns: nil for what is not UTF-8.
    static func of(_ data: Data) -> [Substring]? {
        guard let text = String(validating: data, as: UTF8.self) else { return nil }
        return text.utf8.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
            .map { line in
                let isBlank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
                let end = line.lastIndex { !isBlank($0) }.map(line.index(after:)) ?? line.startIndex
                return Substring(line[..<end].drop(while: isBlank))
            }
            .filter { !$0.isEmpty }
    }
}
