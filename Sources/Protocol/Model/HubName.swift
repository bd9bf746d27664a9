/// The name of a hub: a name space of connections, users and groups.
///
/// 1 to 128 ASCII characters: a letter, then letters, digits and `` _`,.[] ``. Upper case and lower case are the same; the name is
/// stored in lower case. Because it is ASCII, `String` compares, hashes and orders it by its bytes.
public struct HubName: Hashable, Sendable {
    public static let maximumBytes = 128

    /// For error messages: "`hub` <rule>".
    public static let rule =
        "must be a letter, then at most \(maximumBytes - 1) letters, digits and characters of _`,.[], all of them ASCII."

    /// The hub of `/ws`, of `/echo`, and of requests that name no hub.
    public static let `default` = HubName(other: nil)

    private static let defaultText = "default"

    private final class Name: Sendable {
        let text: String

        init(_ text: String) {
            self.text = text
        }
    }

    /// nil for the default hub. Each connection has a hub, and a reference is half as large as a text.
    private let other: Name?

    private init(other: Name?) {
        self.other = other
    }

    /// In lower case.
    public var text: String { self.other?.text ?? Self.defaultText }

    /// - Parameter text: in any case.
    /// - Returns: nil for a text that is not a name by the rule above.
    public init?(_ text: some StringProtocol) {
        let bytes = text.utf8
        guard (1...Self.maximumBytes).contains(bytes.count), bytes.first.map(Self.isLetter) == true,
            bytes.dropFirst().allSatisfy(Self.isPermitted)
        else { return nil }
        let lowercase = text.lowercased()
        self.init(other: lowercase == Self.defaultText ? nil : Name(lowercase))
    }

    public var isDefault: Bool { self.other == nil }

    public static func == (left: HubName, right: HubName) -> Bool {
        left.other === right.other || left.other?.text == right.other?.text
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(self.other?.text) }

    private static func isLetter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        default: false
        }
    }

    private static func isPermitted(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: ","), UInt8(ascii: "."),
            UInt8(ascii: "["), UInt8(ascii: "]"):
            true
        default: self.isLetter(byte)
        }
    }
}

extension HubName: CustomStringConvertible {
    public var description: String { self.text }
}

extension HubName: Comparable {
    public static func < (left: HubName, right: HubName) -> Bool { left.text < right.text }
}
