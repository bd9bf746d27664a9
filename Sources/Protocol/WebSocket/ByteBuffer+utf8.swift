import NIOCore

extension ByteBuffer {
    /// Whether the readable bytes are well-formed UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF).
    package var isWellFormedUTF8: Bool {
        self.withUnsafeReadableBytes { bytes in
            var validator = UTF8Validator()
            return validator.consume(bytes) && validator.isComplete
        }
    }
}
