import Crypto
import Foundation
import NIOConcurrencyHelpers
import VolaryProtocol

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What a node is called. Read from any thread.
///
/// A name that an operator has given is kept. One that is made of the host's name and the port gets a number where another node that lives
/// has it already: hosts that are copies of each other are often called the same.
final class NodeName: Sendable {
    /// 64 bytes.
    static let maximumBytes = 64

    let isGiven: Bool
    private let base: String
    private let number = NIOLockedValueBox(1)

    /// - Parameter given: nil for a name of this host and `port`; of the node's `id` instead of a port that is not known yet.
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

    /// For a name that is made: goes on to the next number.
    func takeNext() { self.number.withLockedValue { $0 += 1 } }

    /// As the kernel has it, without asking any other.
    private static var hostName: String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return "" }
        return String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// A name that begins with `text` and ends with `suffix`, of what names may have. Where something of the text has to be replaced or cut off,
    /// eight digits of its hash stand for it: different texts give different names.
    static func fitted(_ text: String, suffix: String) -> String {
        let text = text.isEmpty ? "node" : text
        let allowed = text.utf8.map { Self.isAllowed($0) ? $0 : UInt8(ascii: "-") }
        if Array(text.utf8) == allowed, allowed.count + suffix.utf8.count <= Self.maximumBytes { return text + suffix }
        let hash = SHA256.hash(data: Data(text.utf8)).prefix(4).map { String(format: "%02x", $0) }.joined()
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

/// Why a node does not start: another one that lives is called so, and the name was given to both.
public struct NodeNameTaken: Error, Hashable, CustomStringConvertible {
    public let name: String

    public var description: String { "--node-name \"\(self.name)\": another node that lives has this name" }
}
