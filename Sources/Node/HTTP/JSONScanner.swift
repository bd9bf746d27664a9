import NIOCore
import Protocol

/// Reads a JSON text (RFC 8259) for one member of the object that it is. Refuses what a decoder may let pass: other encodings than UTF-8, a
/// name that an object has twice, and more depth or members than any body of ours has a use for. Builds nothing else.
struct JSONScanner {
    enum Fault: Error, Hashable {
        case notUTF8
        case malformed
        /// Deeper than ``maximumDepth``.
        case tooDeep
        /// More than ``maximumMembers``.
        case tooManyMembers
        /// The path of the member, with dots between the names.
        case duplicate(String)
    }

    enum Member: Hashable {
        case text(String)
        /// A value of another kind.
        case other
        case missing
        /// The text is no object.
        case noObject
    }

    /// Objects and arrays in each other: 32. Ours have one; each costs a stack frame here.
    static let maximumDepth = 32
    /// Of all objects together: 1,000. Ours have one or two; their names are kept while their object is read.
    static let maximumMembers = 1000

    private let bytes: UnsafeRawBufferPointer
    private let wanted: String
    private var found = Member.noObject
    private var position = 0
    private var members = 0
    /// Names on the way to where the scanner is.
    private var path: [String] = []

    /// - Parameter name: escapes undone, of a member of the outermost object.
    static func member(_ name: String, of body: ByteBuffer) throws(Fault) -> Member {
        guard body.isWellFormedUTF8 else { throw .notUTF8 }
        let result: Result<Member, Fault> = body.withUnsafeReadableBytes { bytes in
            var scanner = JSONScanner(bytes: bytes, wanted: name)
            do throws(Fault) {
                try scanner.value(depth: 0)
                return scanner.next == nil ? .success(scanner.found) : .failure(.malformed)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private init(bytes: UnsafeRawBufferPointer, wanted: String) {
        self.bytes = bytes
        self.wanted = wanted
    }

    // MARK: - Values

    private mutating func value(depth: Int) throws(Fault) {
        switch self.next {
        case UInt8(ascii: "{"): try self.object(depth: depth + 1)
        case UInt8(ascii: "["): try self.array(depth: depth + 1)
        case UInt8(ascii: "\""): _ = try self.string()
        case UInt8(ascii: "t"): try self.literal("true")
        case UInt8(ascii: "f"): try self.literal("false")
        case UInt8(ascii: "n"): try self.literal("null")
        default: try self.number()
        }
    }

    private mutating func object(depth: Int) throws(Fault) {
        guard depth <= Self.maximumDepth else { throw .tooDeep }
        self.position += 1
        if depth == 1 { self.found = .missing }
        if self.take("}") { return }
        var names: Set<String> = []
        repeat {
            guard self.next == UInt8(ascii: "\"") else { throw .malformed }
            let name = try self.string()
            self.members += 1
            guard self.members <= Self.maximumMembers else { throw .tooManyMembers }
            self.path.append(name)
            guard names.insert(name).inserted else { throw .duplicate(self.path.joined(separator: ".")) }
            guard self.take(":") else { throw .malformed }
            if depth == 1, name == self.wanted {
                self.found = try self.member(depth: depth)
            } else {
                try self.value(depth: depth)
            }
            self.path.removeLast()
        } while self.take(",")
        guard self.take("}") else { throw .malformed }
    }

    private mutating func member(depth: Int) throws(Fault) -> Member {
        if self.next == UInt8(ascii: "\"") { return .text(try self.string()) }
        try self.value(depth: depth)
        return .other
    }

    private mutating func array(depth: Int) throws(Fault) {
        guard depth <= Self.maximumDepth else { throw .tooDeep }
        self.position += 1
        if self.take("]") { return }
        repeat {
            try self.value(depth: depth)
        } while self.take(",")
        guard self.take("]") else { throw .malformed }
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

    // MARK: - Strings

    /// - Returns: what the string says, escapes undone: `"a"` and `"\u0061"` are one name.
    private mutating func string() throws(Fault) -> String {
        self.position += 1
        let start = self.position
        var isEscaped = false
        while let byte = self.byte {
            switch byte {
            case UInt8(ascii: "\""):
                let text = self.bytes[start..<self.position]
                self.position += 1
                return isEscaped ? try Self.unescape(Array(text)) : String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                isEscaped = true
                self.position += 2
            case 0..<0x20: throw .malformed
            default: self.position += 1
            }
        }
        throw .malformed
    }

    private static func unescape(_ text: [UInt8]) throws(Fault) -> String {
        var units: [UInt16] = []
        var scalars = String.UnicodeScalarView()
        func flush() throws(Fault) {
            // A half of a surrogate pair is no character.
            guard let some = String(validating: units, as: UTF16.self) else { throw .malformed }
            scalars.append(contentsOf: some.unicodeScalars)
            units.removeAll()
        }
        var rest = text[...]
        while let byte = rest.first {
            guard byte == UInt8(ascii: "\\") else {
                try flush()
                let plain = rest.prefix { $0 != UInt8(ascii: "\\") }
                scalars.append(contentsOf: String(decoding: plain, as: UTF8.self).unicodeScalars)
                rest = rest.dropFirst(plain.count)
                continue
            }
            rest = rest.dropFirst()
            switch rest.popFirst() {
            case UInt8(ascii: "u"):
                let digits = rest.prefix(4)
                guard digits.count == 4, digits.allSatisfy({ Character(.init($0)).isHexDigit }),
                    let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
                else { throw .malformed }
                units.append(unit)
                rest = rest.dropFirst(4)
            case UInt8(ascii: "b"): units.append(0x08)
            case UInt8(ascii: "t"): units.append(0x09)
            case UInt8(ascii: "n"): units.append(0x0A)
            case UInt8(ascii: "f"): units.append(0x0C)
            case UInt8(ascii: "r"): units.append(0x0D)
            case let sign? where "\"\\/".utf8.contains(sign): units.append(UInt16(sign))
            default: throw .malformed
            }
        }
        try flush()
        return String(scalars)
    }

    // MARK: - Bytes

    private var byte: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    /// The first byte that is no white space; the scanner stands on it.
    private var next: UInt8? {
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

extension JSONScanner.Fault {
    /// What the caller is told.
    var problem: Problem {
        switch self {
        case .notUTF8: .invalidBody("The body is not UTF-8.")
        case .malformed: .invalidBody("The body is not well-formed JSON.")
        case .tooDeep: .invalidBody("The body may be \(JSONScanner.maximumDepth) levels deep.")
        case .tooManyMembers: .invalidBody("The body may have \(JSONScanner.maximumMembers) members.")
        case .duplicate(let path):
            // A caller's own names, and it may have made them long.
            .invalidBody("\(path.prefix(64)) is there twice.", field: String(path.prefix(64)))
        }
    }
}
