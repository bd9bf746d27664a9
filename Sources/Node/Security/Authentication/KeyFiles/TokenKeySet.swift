import Foundation
import JWTKit
import NIOCore
import NIOFoundationEssentialsCompat
import VolaryProtocol

/// Parses the file of `--jwks`, a JSON Web Key Set (RFC 7517). Sets of identity providers also contain keys for other purposes,
/// of other types, and sometimes invalid ones.
///
/// Not JWTKit's `JWKS`: that rejects the whole set for one unknown key type (`"kty": "oct"`), ignores `use` and `key_ops`, and
/// requires a `kid`. The keys themselves are JWTKit's.
enum TokenKeySet {
    static let rule = "must be a JSON Web Key Set that contains an RSA key (2048 bits or more) or a P-256 key for signatures"

    /// Values of `use` for signing keys; SPIFFE bundles use `jwt-svid`.
    private static let uses: [UTF8Text] = ["sig", "jwt-svid"]

    /// Keys that are not understood are ignored (RFC 7517 section 5).
    /// - Returns: nil when the data is not a key set, or no key in it can be used.
    static func parse(_ data: Data) -> TokenKeys? { self.read(data).flatMap { $0.keys.isEmpty ? nil : $0 } }

    /// Why no key of a set can be used: its first three keys, each with the reason.
    /// - Returns: nil when the data is not a key set, or the set is empty.
    static func problem(of data: Data) -> String? {
        guard let unusable = self.read(data)?.unusable, !unusable.isEmpty else { return nil }
        let some = unusable.prefix(3).map { "key \($0.name): \($0.reason)" }
        return (some + (unusable.count > 3 ? ["and \(unusable.count - 3) more"] : [])).joined(separator: "; ")
    }

    /// - Returns: nil when the data is not a key set.
    private static func read(_ data: Data) -> TokenKeys? {
        guard case .list(let entries) = (try? JSONValue(parsing: ByteBuffer(data: data)))?["keys"] else { return nil }
        var keys: [TokenKey] = []
        var unusable: [TokenKeys.Unusable] = []
        for (index, entry) in entries.enumerated() {
            do throws(Reason) {
                keys.append(try self.key(entry))
            } catch {
                unusable.append(.init(number: index + 1, id: entry["kid"]?.text?.string, reason: error.text))
            }
        }
        return TokenKeys(keys: keys, unusable: unusable)
    }

    /// Why a key cannot be used.
    private struct Reason: Error {
        let text: String

        init(_ text: String) {
            self.text = text
        }
    }

    private static func key(_ key: JSONValue) throws(Reason) -> TokenKey {
        guard key.kind == .object else { throw Reason("\(key.kind.rawValue), not an object") }
        let use = try self.text("use", of: key)
        guard use.map(self.uses.contains) ?? true else { throw Reason("not for signatures (use)") }
        if case .list(let operations) = key["key_ops"], !operations.contains(.text("verify")) {
            throw Reason("not for verifying signatures (key_ops)")
        }
        let (algorithm, id) = (try self.text("alg", of: key), try self.text("kid", of: key))
        switch try self.text("kty", of: key) {
        case "RSA":
            guard algorithm ?? "RS256" == "RS256" else { throw Reason("RS256 is the only supported algorithm for RSA (alg)") }
            guard let n = key["n"]?.text, let e = key["e"]?.text,
                let rsa = try? Insecure.RSA.PublicKey(modulus: n.string, exponent: e.string)
            else { throw Reason("n and e are not an RSA key of 2048 bits or more") }
            return TokenKey(rsa, id: id)
        case "EC":
            guard key["crv"] == .text("P-256"), algorithm ?? "ES256" == "ES256" else {
                throw Reason("P-256 with ES256 is the only supported curve (crv, alg)")
            }
            guard let x = key["x"]?.text, let y = key["y"]?.text, let ec = try? ES256PublicKey(parameters: (x.string, y.string))
            else {
                throw Reason("x and y are not a point on P-256")
            }
            return TokenKey(ec, id: id)
        case nil: throw Reason("the key type is missing (kty)")
        default: throw Reason("neither RSA nor EC (kty)")
        }
    }

    private static func text(_ name: String, of key: JSONValue) throws(Reason) -> UTF8Text? {
        guard let value = key[UTF8Text(name)] else { return nil }
        guard let text = value.text else { throw Reason("\(name) is \(value.kind.rawValue)") }
        return text
    }
}
