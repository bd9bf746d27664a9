import NIOCore

extension ByteBuffer {
    /// Whether the readable bytes are well-formed UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF).
    package var isWellFormedUTF8: Bool {
        self.withUnsafeReadableBytes { bytes in
            // The standard library's validator, without making the string.
            String(validating: bytes, as: UTF8.self) != nil
        }
    }
}
