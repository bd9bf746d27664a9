import Crypto
import Foundation
import VolaryProtocol

/// A key of the REST API, of which only its SHA-256 is known.
struct APIKey: Sendable {
    /// Of a key in plain text, in characters: at least 16, so that its hash tells nothing; at most 256.
    static let lengths = 16...256
    /// In one file.
    static let maximumCount = 100

    private let hash: [UInt8]
    let permissions: Set<Permission>

    /// - Returns: nil when `key` is too short, too long, or has anything but visible ASCII.
    init?(_ key: String, permissions: Set<Permission>) {
        guard Self.lengths.contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        self.hash = Array(SHA256.hash(data: Array(key.utf8)))
        self.permissions = permissions
    }

    private init(hash: [UInt8], permissions: Set<Permission>) {
        self.hash = hash
        self.permissions = permissions
    }

    /// - Returns: who calls with `key`. Looks at all keys, and at all of each hash, however early they differ: the time tells nothing.
    static func principal(for key: String, in keys: [APIKey]) -> Principal? {
        let hash = SHA256.hash(data: Array(key.utf8))
        var found: APIKey?
        // Comparing a digest with bytes takes the same time for all bytes (swift-crypto).
        for candidate in keys where hash == candidate.hash { found = candidate }
        return found.map { Principal(identity: "key \(Hex.encode($0.hash))", permissions: $0.permissions) }
    }
}

// MARK: - The file

extension APIKey {
    static let fileRule = """
        must be a file with a line for each key: its SHA-256 in 64 hexadecimal digits, and its permissions, such as read,send,manage
        """

    /// Reads a file: a key on each line, as ``fileRule`` says; empty lines and those that start with `#` are left out.
    /// - Returns: nil for anything else, for no key at all, and for more than ``maximumCount``.
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
