package import NIOCore

/// Reads a JSON text (RFC 8259) in UTF-8 from beginning to end. It creates only the values that the caller asks for.
///
/// It refuses two things that other parsers may accept: unpaired surrogates in strings, and nesting deeper than
/// ``maximumDepth``.
///
/// `JSONDecoder` does not fit. It accepts the first of two members with the same name, which most readers here must refuse. It
/// cannot return a value as it was sent, which `data` needs. It hashes names as `String`: a name of 64,000 bytes of combining marks
/// takes it 279 ms, an ASCII name 0.1 ms (Swift 6.3, -O).
package struct JSONScanner {
    package enum Fault: Error, Hashable {
        case notUTF8
        case malformed
        /// The nesting exceeds ``maximumDepth``.
        case tooDeep
        /// An object contains this name twice.
        case duplicate(UTF8Text)
        /// An object contains a member that the caller does not know.
        case unknownMember(UTF8Text)
    }

    /// Maximum nesting of objects and lists: 64. Each level costs a stack frame here, and in every later reader of the text.
    package static let maximumDepth = 64

    let bytes: UnsafeRawBufferPointer
    /// Index of the next byte.
    package internal(set) var position = 0
    private var depth = 0

    /// - Parameter read: reads the one value of the text.
    package static func scan<Value>(
        _ text: ByteBuffer,
        _ read: (inout JSONScanner) throws(Fault) -> Value
    ) throws(Fault) -> Value {
        guard text.isWellFormedUTF8 else { throw .notUTF8 }
        let result: Result<Value, Fault> = text.withUnsafeReadableBytes { bytes in
            var scanner = JSONScanner(bytes: bytes)
            do throws(Fault) {
                let value = try read(&scanner)
                return scanner.next == nil ? .success(value) : .failure(.malformed)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private init(bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    // MARK: - Values

    /// The kind of the next value, if it is well-formed.
    package var kind: JSONKind {
        mutating get { JSONKind(first: self.next) }
    }

    /// Skips a value. Names of members within it may occur twice.
    package mutating func skip() throws(Fault) {
        switch self.next {
        case UInt8(ascii: "{"):
            guard try self.beginObject() else { return }
            repeat {
                try self.beginName()
                try self.skipString()
                guard self.take(":") else { throw .malformed }
                try self.skip()
            } while try self.nextMember()
        case UInt8(ascii: "["):
            guard try self.beginList() else { return }
            repeat { try self.skip() } while try self.nextElement()
        case UInt8(ascii: "\""): try self.skipString()
        case .some(UInt8(ascii: "1")...UInt8(ascii: "9")):
            // The most frequent numbers, without the calls for all others.
            self.skipDigits()
            if self.byte.map({ $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "]") }) != true { try self.skipFraction() }
        default: try self.skipWord()
        }
    }

    /// Begins an object.
    /// - Returns: true if the object has a member; then call ``name()``. False if the object has ended.
    package mutating func beginObject() throws(Fault) -> Bool { try self.begin("{", "}") }

    /// The name of a member, without escapes. Its value follows.
    package mutating func name() throws(Fault) -> UTF8Text {
        try self.beginName()
        let name = try self.string()
        guard self.take(":") else { throw .malformed }
        return name
    }

    /// - Returns: true if the object has another member. False if the object has ended.
    package mutating func nextMember() throws(Fault) -> Bool { try self.goOn("}") }

    /// Begins a list.
    /// - Returns: true if the list has an element, which follows. False if the list has ended.
    package mutating func beginList() throws(Fault) -> Bool { try self.begin("[", "]") }

    /// - Returns: true if the list has another element. False if the list has ended.
    package mutating func nextElement() throws(Fault) -> Bool { try self.goOn("]") }

    private mutating func begin(_ first: Unicode.Scalar, _ last: Unicode.Scalar) throws(Fault) -> Bool {
        guard self.take(first) else { throw .malformed }
        self.depth += 1
        guard self.depth <= Self.maximumDepth else { throw .tooDeep }
        guard self.take(last) else { return true }
        self.depth -= 1
        return false
    }

    @inline(__always)
    private mutating func goOn(_ last: Unicode.Scalar) throws(Fault) -> Bool {
        if self.take(",") { return true }
        guard self.take(last) else { throw .malformed }
        self.depth -= 1
        return false
    }

    private mutating func beginName() throws(Fault) {
        guard self.next == UInt8(ascii: "\"") else { throw .malformed }
    }

    // MARK: - Words

    /// Skips `true`, `false`, `null` or a number.
    package mutating func skipWord() throws(Fault) {
        switch self.next {
        case UInt8(ascii: "t"): try self.literal("true")
        case UInt8(ascii: "f"): try self.literal("false")
        case UInt8(ascii: "n"): try self.literal("null")
        default: try self.number()
        }
    }

    private mutating func literal(_ text: StaticString) throws(Fault) {
        for offset in 0..<text.utf8CodeUnitCount {
            guard self.byte == text.utf8Start[offset] else { throw .malformed }
            self.position += 1
        }
    }

    private mutating func number() throws(Fault) {
        if self.byte == UInt8(ascii: "-") { self.position += 1 }
        let first = self.byte
        let digits = self.digits()
        guard digits > 0, digits == 1 || first != UInt8(ascii: "0") else { throw .malformed }
        try self.skipFraction()
    }

    /// Skips what may follow the whole part of a number.
    private mutating func skipFraction() throws(Fault) {
        if self.byte == UInt8(ascii: ".") {
            self.position += 1
            guard self.digits() > 0 else { throw .malformed }
        }
        if self.byte == UInt8(ascii: "e") || self.byte == UInt8(ascii: "E") {
            self.position += 1
            if self.byte == UInt8(ascii: "+") || self.byte == UInt8(ascii: "-") { self.position += 1 }
            guard self.digits() > 0 else { throw .malformed }
        }
    }

    private mutating func digits() -> Int {
        let start = self.position
        self.skipDigits()
        return self.position - start
    }

    @inline(__always)
    private mutating func skipDigits() {
        var end = self.position
        while end < self.bytes.count, self.bytes[end] &- UInt8(ascii: "0") < 10 { end += 1 }
        self.position = end
    }

    // MARK: - Bytes

    @inline(__always)
    var byte: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    /// The first byte that is not whitespace. The scanner stays at this byte.
    package var next: UInt8? {
        @inline(__always)
        mutating get {
            // A long list has a comma for each number, so this is read in one comparison.
            if let byte = self.byte, byte > 0x20 { return byte }
            return self.nextBehindSpace()
        }
    }

    private mutating func nextBehindSpace() -> UInt8? {
        while let byte = self.byte, byte == 0x20 || (0x09...0x0A).contains(byte) || byte == 0x0D { self.position += 1 }
        return self.byte
    }

    @inline(__always)
    private mutating func take(_ sign: Unicode.Scalar) -> Bool {
        guard self.next == UInt8(ascii: sign) else { return false }
        self.position += 1
        return true
    }
}
