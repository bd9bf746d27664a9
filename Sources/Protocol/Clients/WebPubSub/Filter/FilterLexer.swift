/// The words of a filter.
enum FilterToken: Hashable {
    /// An operator, a name, a function or a constant, in lower case.
    case word(UTF8Text)
    case literal(FilterValue)
    case open
    case close
    case comma
    case end
}

/// Splits a filter into its words, by bytes.
struct FilterLexer {
    private let bytes: [UInt8]
    private var position = 0
    /// Index of the first byte of the last token.
    private(set) var start = 0

    init(_ text: UTF8Text) {
        self.bytes = Array(text.utf8)
    }

    private var byte: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    mutating func next() throws(FilterFault) -> FilterToken {
        while let byte = self.byte, byte == 0x20 || (0x09...0x0D).contains(byte) { self.position += 1 }
        self.start = self.position
        guard let byte = self.byte else { return .end }
        switch byte {
        case UInt8(ascii: "("): return self.take(.open)
        case UInt8(ascii: ")"): return self.take(.close)
        case UInt8(ascii: ","): return self.take(.comma)
        case UInt8(ascii: "'"): return .literal(.text(try self.text()))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .literal(.number(try self.number()))
        default:
            guard Self.isWord(byte) else { throw .syntax(position: self.start) }
            return .word(self.text(of: self.word().map(\.lowercasedASCII)))
        }
    }

    private mutating func take(_ token: FilterToken) -> FilterToken {
        self.position += 1
        return token
    }

    private mutating func word() -> ArraySlice<UInt8> {
        let word = self.bytes[self.position...].prefix(while: Self.isWord)
        self.position = word.endIndex
        return word
    }

    /// A quote within the text is written twice.
    private mutating func text() throws(FilterFault) -> UTF8Text {
        let quote = UInt8(ascii: "'")
        var text: [UInt8] = []
        repeat {
            // The first of two quotes belongs to the text.
            if self.position > self.start { text.append(quote) }
            self.position += 1
            let part = self.bytes[self.position...].prefix { $0 != quote }
            text += part
            self.position = part.endIndex
            guard self.byte != nil else { throw .syntax(position: self.start) }
            self.position += 1
        } while self.byte == quote
        return self.text(of: text)
    }

    private mutating func number() throws(FilterFault) -> Int64 {
        let isNegative = self.byte == UInt8(ascii: "-")
        if isNegative { self.position += 1 }
        guard let magnitude = UInt64(decimal: self.word()) else { throw .syntax(position: self.start) }
        if isNegative, magnitude == Int64.min.magnitude { return .min }
        guard let value = Int64(exactly: magnitude) else { throw .syntax(position: self.start) }
        return isNegative ? -value : value
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    private func text(of bytes: some Sequence<UInt8>) -> UTF8Text { UTF8Text(String(decoding: Array(bytes), as: UTF8.self)) }
}
