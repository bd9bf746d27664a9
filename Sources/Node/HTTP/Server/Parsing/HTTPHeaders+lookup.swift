import NIOHTTP1

/// Lookups that avoid lists where possible, because every handshake and every request makes about a dozen of them.
extension HTTPHeaders {
    /// - Returns: nil if there is no field, or more than one field, with the name.
    func only(_ name: String) -> String? {
        var found: String?
        for field in self where field.name.isSame(name) {
            guard found == nil else { return nil }
            found = field.value
        }
        return found
    }

    /// The elements of a comma-separated field, from all of its lines, without empty elements (RFC 9110 section 5.6.1).
    func elements(of name: String) -> [Substring] {
        self[name].flatMap { $0.utf8.split(separator: UInt8(ascii: ",")) }.map { Substring($0).trimmingOWS }
            .filter { !$0.isEmpty }
    }

    /// Whether a comma-separated field contains the token, ignoring case.
    func has(_ name: String, _ token: String) -> Bool {
        guard let value = self.first(name: name) else { return false }
        return value.isSame(token) || self.elements(of: name).contains { $0.isSame(token) }
    }
}
