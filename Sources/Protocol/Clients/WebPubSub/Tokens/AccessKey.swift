/// A key that signs tokens: at least 32 bytes of UTF-8, without `;`, control characters, and white space at the ends. Its bytes are
/// the key of the signature; it is not decoded.
public struct AccessKey: Hashable, Sendable {
    public static let minimumBytes = 32

    /// For error messages: "the access key <rule>".
    public static let rule =
        "must have at least \(minimumBytes) bytes, without semicolons, control characters, and white space at its ends."

    public let text: UTF8Text

    public init?(_ text: UTF8Text) {
        let scalars = text.string.unicodeScalars
        guard text.utf8.count >= Self.minimumBytes, !text.utf8.contains(UInt8(ascii: ";")),
            !scalars.contains(where: { $0.properties.generalCategory == .control }),
            scalars.first?.properties.isWhitespace == false, scalars.last?.properties.isWhitespace == false
        else { return nil }
        self.text = text
    }
}

extension AccessKey: CustomStringConvertible {
    /// Does not reveal the key.
    public var description: String { "an access key" }
}
