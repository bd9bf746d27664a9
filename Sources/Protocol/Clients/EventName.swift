/// The name of an event for the application: an ASCII letter, then at most 127 ASCII letters, digits and characters of `_.-`.
///
/// Passed on as the client wrote it. Because it is ASCII, `String` compares it by its bytes.
public struct EventName: Hashable, Sendable {
    public static let maximumBytes = 128

    /// The event of a client whose messages have no name.
    public static let message = EventName(valid: "message")

    public let text: String

    private init(valid text: String) {
        self.text = text
    }

    public init?(_ text: UTF8Text) {
        let bytes = text.utf8
        guard (1...Self.maximumBytes).contains(bytes.count), bytes.first.map(Self.isLetter) == true,
            bytes.allSatisfy({ Self.isLetter($0) || (0x30...0x39).contains($0) || "_.-".utf8.contains($0) })
        else { return nil }
        self.init(valid: text.string)
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) }
}
