import Crypto
import NIOConcurrencyHelpers
import VolaryProtocol

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The name of a node. Read from any thread.
///
/// A configured name is never changed. The default name, made from the host name and the port, gets a number when another living
/// node already has it: cloned hosts often share one host name.
final class NodeName: Sendable {
    /// 64 bytes.
    static let maximumBytes = 64

    let isGiven: Bool
    private let base: String
    private let number = NIOLockedValueBox(1)

    /// - Parameter given: the configured name. Nil: the host name and `port`, or the node's `id` when the port is 0.
    convenience init(given: String?, port: Int, id: NodeID) {
        let made = Self.fitted(Self.hostName, suffix: "-\(port == 0 ? id.description : String(port))")
        self.init(given ?? made, isGiven: given != nil)
    }

    init(_ base: String, isGiven: Bool) {
        self.base = base
        self.isGiven = isGiven
    }

    var text: String {
        let number = self.number.withLockedValue { $0 }
        return number == 1 ? self.base : Self.fitted(self.base, suffix: "-\(number)")
    }

    /// Changes a default name to the next number.
    func takeNext() { self.number.withLockedValue { $0 += 1 } }

    /// From the kernel, without a name look-up.
    static var hostName: String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return "" }
        return String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// A valid name that begins with `text` and ends with `suffix`. When characters of `text` must be replaced or cut off, eight
    /// digits of its SHA-256 are added, so that different texts give different names.
    static func fitted(_ text: String, suffix: String) -> String {
        let text = text.isEmpty ? "node" : text
        let allowed = text.utf8.map { Self.isAllowed($0) ? $0 : UInt8(ascii: "-") }
        if Array(text.utf8) == allowed, allowed.count + suffix.utf8.count <= Self.maximumBytes { return text + suffix }
        let hash = Hex.encode(SHA256.hash(data: Array(text.utf8)).prefix(4))
        let room = Self.maximumBytes - suffix.utf8.count - hash.utf8.count - 1
        return String(decoding: allowed.prefix(room), as: UTF8.self) + "-" + hash + suffix
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "._-".utf8.contains(byte)
        }
    }
}
