import NIOCore
import VolaryProtocol

/// Reads a JSON text (RFC 8259) in UTF-8 from front to back, and builds nothing but what it is asked for.
///
/// Refuses what other readers may let pass: half a surrogate pair in a string, and values deeper than ``maximumDepth``.
///
/// Not `JSONDecoder`: it takes the first of two members of one name, where the API refuses both; it does not give a member as it was sent, which
/// `data` needs; and it hashes names as `String`: one of 64,000 bytes of combining marks takes it 279 ms, one of ASCII 0.1 ms (Swift 6.3, -O).
struct JSONScanner {
    enum Fault: Error, Hashable {
        case notUTF8
        case malformed
        /// Deeper than ``maximumDepth``.
        case tooDeep
        /// An object has a member of this name twice.
        case duplicate(UTF8Text)
        /// An object has a member that whoever reads it does not know.
        case unknownMember(UTF8Text)
    }

    /// Objects and lists in each other: 64. Each costs a stack frame here, and wherever the text is read again.
    static let maximumDepth = 64

    let bytes: UnsafeRawBufferPointer
    var position = 0
    private var depth = 0

    /// - Parameter read: reads the one value that the text is.
    static func scan<Value>(
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

    /// What the next value is, if it is well-formed.
    var kind: JSONKind {
        mutating get { JSONKind(first: self.next) }
    }

    /// Reads a value and gives nothing of it. The names of members in it may stand there twice.
    mutating func skip() throws(Fault) {
        switch self.kind {
        case .object:
            guard try self.beginObject() else { return }
            repeat {
                try self.beginName()
                try self.skipString()
                guard self.take(":") else { throw .malformed }
                try self.skip()
            } while try self.nextMember()
        case .list:
            guard try self.beginList() else { return }
            repeat { try self.skip() } while try self.nextElement()
        case .text: try self.skipString()
        default: try self.skipWord()
        }
    }

    /// Begins an object.
    /// - Returns: whether it has a member; then ``name()`` is next. Else it has ended.
    mutating func beginObject() throws(Fault) -> Bool { try self.begin("{", "}") }

    /// The name of a member, escapes undone; its value is next.
    mutating func name() throws(Fault) -> UTF8Text {
        try self.beginName()
        let name = try self.string()
        guard self.take(":") else { throw .malformed }
        return name
    }

    /// - Returns: whether the object has another member. Else it has ended.
    mutating func nextMember() throws(Fault) -> Bool { try self.goOn("}") }

    /// Begins a list.
    /// - Returns: whether it has an element, which is next. Else it has ended.
    mutating func beginList() throws(Fault) -> Bool { try self.begin("[", "]") }

    /// - Returns: whether the list has another element. Else it has ended.
    mutating func nextElement() throws(Fault) -> Bool { try self.goOn("]") }

    private mutating func begin(_ first: Unicode.Scalar, _ last: Unicode.Scalar) throws(Fault) -> Bool {
        guard self.take(first) else { throw .malformed }
        self.depth += 1
        guard self.depth <= Self.maximumDepth else { throw .tooDeep }
        guard self.take(last) else { return true }
        self.depth -= 1
        return false
    }

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

    /// Reads `true`, `false`, `null` or a number.
    mutating func skipWord() throws(Fault) {
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
        while let byte = self.byte, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { self.position += 1 }
        return self.position - start
    }

    // MARK: - Bytes

    var byte: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    /// The first byte that is no white space; the scanner stands on it.
    var next: UInt8? {
        mutating get {
            while let byte = self.byte, byte == 0x20 || (0x09...0x0A).contains(byte) || byte == 0x0D { self.position += 1 }
            return self.byte
        }
    }

    private mutating func take(_ sign: Unicode.Scalar) -> Bool {
        guard self.next == UInt8(ascii: sign) else { return false }
        self.position += 1
        return true
    }
}
