extension AudienceName {
    /// The name of a group in Web PubSub. Unlike other names, it has no line feed and at least one character that is not white
    /// space.
    /// - Returns: nil for a text that is not such a name.
    public init?(pubSubGroup text: UTF8Text) {
        self.init(text)
        guard !text.utf8.contains(UInt8(ascii: "\n")),
            text.string.unicodeScalars.contains(where: { !$0.properties.isWhitespace })
        else { return nil }
    }
}
