import NIOHTTP1

/// Lookups that build no lists: every handshake and every request makes a dozen of them.
extension HTTPHeaders {
    /// - Returns: nil as well when several fields have the name.
    func only(_ name: String) -> String? {
        var found: String?
        for field in self where field.name.isSame(name) {
            guard found == nil else { return nil }
            found = field.value
        }
        return found
    }

    /// Whether a comma-separated field has the token, in any case.
    func has(_ name: String, _ token: String) -> Bool {
        guard let value = self.first(name: name) else { return false }
        return value.isSame(token) || self[canonicalForm: name].contains { String($0).isSame(token) }
    }
}

extension String {
    /// Whether it is the same but for the case of ASCII letters.
    func isSame(_ other: String) -> Bool {
        guard self.utf8.count == other.utf8.count else { return false }
        // Header strings of NIO are native, and their bytes lie in a row.
        return self.utf8.withContiguousStorageIfAvailable { own in
            other.utf8.withContiguousStorageIfAvailable { others in
                own.indices.allSatisfy { Self.lowercased(own[$0]) == Self.lowercased(others[$0]) }
            }
        }.flatMap(\.self) ?? (self.lowercased() == other.lowercased())
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
