/// A client's own id for an action, returned with the action's result: a number, or a short text.
///
/// 17 bytes without an allocation for a number, and for a text of at most 15 bytes. Texts are compared by their bytes in UTF-8.
public enum AckID: Hashable, Sendable {
    /// Maximum length of a text: 128 bytes. Clients number their actions, or use UUIDs with 36 characters.
    public static let maximumBytes = 128

    /// A text of at most ``maximumBytes``. Only ``AckID/init(_:)`` creates it.
    public struct Text: Hashable, Sendable {
        public let text: UTF8Text

        fileprivate init(_ text: UTF8Text) {
            self.text = text
        }
    }

    case number(UInt64)
    case text(Text)

    /// - Returns: nil for a text longer than ``maximumBytes``.
    public init?(_ text: UTF8Text) {
        guard text.utf8.count <= Self.maximumBytes else { return nil }
        self = .text(Text(text))
    }
}
