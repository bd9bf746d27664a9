package import NIOCore

/// A JSON value. Members of objects keep their order, and their names are compared by bytes.
package enum JSONValue: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package let name: UTF8Text
        package let value: JSONValue

        package init(name: UTF8Text, value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    case null
    case boolean(Bool)
    /// Infinite if the number exceeds the range of `Double`.
    case number(Double)
    case text(UTF8Text)
    case list([JSONValue])
    case object([Member])

    /// - Parameter text: all of it is kept, so the caller limits its size.
    package init(parsing text: ByteBuffer) throws(JSONScanner.Fault) {
        self = try JSONScanner.scan(text) { scanner throws(JSONScanner.Fault) in try scanner.value() }
    }

    package var kind: JSONKind {
        switch self {
        case .null: .null
        case .boolean: .boolean
        case .number: .number
        case .text: .text
        case .list: .list
        case .object: .object
        }
    }

    package var text: UTF8Text? { if case .text(let text) = self { text } else { nil } }

    /// A member of this object; nil if this is not an object, or the member is absent or null.
    package subscript(name: UTF8Text) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        let value = members.first { $0.name == name }?.value
        return value == .null ? nil : value
    }
}

extension JSONScanner {
    /// Reads a complete value. An object with a repeated name is refused.
    fileprivate mutating func value() throws(Fault) -> JSONValue {
        switch self.kind {
        case .object:
            var members: [JSONValue.Member] = []
            guard try self.beginObject() else { return .object(members) }
            var names: Set<UTF8Text> = []
            repeat {
                let name = try self.name()
                guard names.insert(name).inserted else { throw .duplicate(name) }
                members.append(JSONValue.Member(name: name, value: try self.value()))
            } while try self.nextMember()
            return .object(members)
        case .list:
            var elements: [JSONValue] = []
            guard try self.beginList() else { return .list(elements) }
            repeat { elements.append(try self.value()) } while try self.nextElement()
            return .list(elements)
        case .text: return .text(try self.string())
        case .boolean:
            let isTrue = self.byte == UInt8(ascii: "t")
            try self.skipWord()
            return .boolean(isTrue)
        case .null:
            try self.skipWord()
            return .null
        case .number:
            let start = self.position
            try self.skipWord()
            // Every JSON number has a valid syntax for Swift.
            return .number(Double(String(decoding: self.bytes[start..<self.position], as: UTF8.self)) ?? .infinity)
        }
    }
}

extension JSONValue: Encodable {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .object(let members):
            var container = encoder.container(keyedBy: Key.self)
            for member in members { try container.encode(member.value, forKey: Key(stringValue: member.name.string)) }
        case .list(let elements):
            var container = encoder.unkeyedContainer()
            for element in elements { try container.encode(element) }
        case .null, .boolean, .number, .text:
            var container = encoder.singleValueContainer()
            switch self {
            case .boolean(let value): try container.encode(value)
            case .number(let value):
                if let whole = Int64(exactly: value) { try container.encode(whole) } else { try container.encode(value) }
            case .text(let value): try container.encode(value.string)
            default: try container.encodeNil()
            }
        }
    }
}
