import Crypto
import Foundation
import VolaryProtocol

/// A key of the REST API. Only its SHA-256 is kept.
struct APIKey: Sendable {
    /// Length of a key in ASCII characters: at least 16, so that it cannot be guessed from its hash; at most 256.
    static let lengths = 16...256
    /// Keys in one file.
    static let maximumCount = 100

    private let hash: [UInt8]
    let permissions: Set<Permission>

    /// - Returns: nil when `key` is too short, too long, or contains anything but visible ASCII.
    init?(_ key: String, permissions: Set<Permission>) {
        guard Self.lengths.contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        self.hash = Array(SHA256.hash(data: Array(key.utf8)))
        self.permissions = permissions
    }

    private init(hash: [UInt8], permissions: Set<Permission>) {
        self.hash = hash
        self.permissions = permissions
    }

    /// Always compares all keys and all bytes of each hash, so the time taken reveals nothing.
    /// - Returns: the principal of `key`; nil for an unknown key.
    static func principal(for key: String, in keys: [APIKey]) -> Principal? {
        let hash = SHA256.hash(data: Array(key.utf8))
        var found: APIKey?
        // swift-crypto compares a digest with bytes in constant time.
        for candidate in keys where hash == candidate.hash { found = candidate }
        return found.map { Principal(identity: "key \(Hex.encode($0.hash))", permissions: $0.permissions) }
    }
}

// MARK: - The file

extension APIKey {
    static let fileRule = """
        must be a file with one line per key: its SHA-256 as 64 hexadecimal digits, and its permissions, such as read,send,manage
        """

    /// Parses a file with one key per line, see ``fileRule``. Empty lines and lines that start with `#` are ignored.
    /// - Returns: nil for an invalid line, for no key, and for more than ``maximumCount`` keys.
    static func parse(_ data: Data) -> [APIKey]? {
        guard let lines = KeyFileLines.of(data) else { return nil }
        var keys: [APIKey] = []
        for line in lines where !line.hasPrefix("#") {
            let words = line.split { $0 == " " || $0 == "\t" }
            guard words.count == 2, let hash = self.hash(words[0]), let permissions = self.permissions(words[1]) else {
                return nil
            }
            keys.append(APIKey(hash: hash, permissions: permissions))
        }
        return (1...self.maximumCount).contains(keys.count) ? keys : nil
    }

    private static func hash(_ text: Substring) -> [UInt8]? {
        let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue.map(UInt8.init) }
        guard text.utf8.count == 64, digits.count == 64 else { return nil }
        return stride(from: 0, to: 64, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    private static func permissions(_ text: Substring) -> Set<Permission>? {
        let names = text.split(separator: ",", omittingEmptySubsequences: false)
        let permissions = names.compactMap { Permission(rawValue: String($0)) }.filter(Permission.forREST.contains)
        return permissions.count == names.count ? Set(permissions) : nil
    }
}
