import Foundation

/// Splits a key file into lines (LF, CR or CRLF), without leading and trailing spaces and tabs. Blank lines are left out.
enum KeyFileLines {
    /// - Returns: nil when the data is not UTF-8.
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
