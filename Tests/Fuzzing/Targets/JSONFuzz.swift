import Foundation
import NIOCore
import VolaryProtocol

@testable import VolaryNode

enum JSONFuzz {
    /// Foundation decodes every text that the scanner accepts to the same values, and the encoded values are decoded to the same
    /// again.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        guard let value = try? JSONValue(parsing: ByteBuffer(bytes: input)) else { return }
        if let text = try? JSONDecoder().decode(Message.self, from: Data(input)).message,
            value["message"] != .text(UTF8Text(text))
        {
            throw FuzzFailure(description: "\(text) is read as \(value)")
        }
        try self.checkPush(input, value)
        try hold(
            self.hasInfinity(value) || (try? JSONValue(parsing: JSONBody.encode(value))) != nil,
            "\(value) is not decoded to the same value"
        )
        do {
            _ = try JSONDecoder().decode(Value.self, from: Data(input))
        } catch {
            guard case DecodingError.dataCorrupted = error, self.canHaveLargeNumber(input) else {
                throw FuzzFailure(description: "accepted, but not decoded: \(error)")
            }
        }
    }

    /// The members of a push are those of the object, and its data is the value as it was sent.
    private static func checkPush(_ input: [UInt8], _ value: JSONValue) throws(FuzzFailure) {
        guard let members = try? PushBody.members(of: ByteBuffer(bytes: input)) else { return }
        if case .text(let text) = members.message { try hold(value["message"] == .text(text), "\(text) is another text") }
        guard let data = members.data else { return }
        guard case .object(let all) = value, let member = all.first(where: { $0.name == "data" }) else {
            throw FuzzFailure(description: "data of \(value)")
        }
        try hold((try? JSONValue(parsing: data)) == member.value, "\(String(buffer: data)) is not \(member.value)")
    }

    private static func hasInfinity(_ value: JSONValue) -> Bool {
        switch value {
        case .number(let number): number.isInfinite
        case .list(let elements): elements.contains(where: self.hasInfinity)
        case .object(let members): members.contains { self.hasInfinity($0.value) }
        case .null, .boolean, .text: false
        }
    }

    /// Foundation cannot represent numbers beyond a `Double`, and reports them as malformed.
    private static func canHaveLargeNumber(_ input: [UInt8]) -> Bool {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let hasExponent = zip(input, input.dropFirst()).contains { digits.contains($0) && $1 | 0x20 == UInt8(ascii: "e") }
        return hasExponent || input.count(where: digits.contains) > 300
    }

    private struct Message: Decodable {
        let message: String
    }

    /// Any JSON.
    private struct Value: Decodable {
        private struct Key: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        init(from decoder: any Decoder) throws {
            if let object = try? decoder.container(keyedBy: Key.self) {
                for key in object.allKeys { _ = try object.decode(Value.self, forKey: key) }
            } else if var array = try? decoder.unkeyedContainer() {
                while !array.isAtEnd { _ = try array.decode(Value.self) }
            } else {
                let value = try decoder.singleValueContainer()
                if value.decodeNil() || (try? value.decode(Bool.self)) != nil || (try? value.decode(String.self)) != nil {
                    return
                }
                _ = try value.decode(Double.self)
            }
        }
    }

    static var seeds: [[UInt8]] {
        [
            #"{"message":"Hello, \"€\" \u20ac \ud83d\ude00\n"}"#, #"[1,-0.5e+3,true,false,null,{"a":{"b":[]}}]"#, #" "x" "#,
            #"{"a":1,"a":2}"#, #" {"data" : {"a":[1, "\u20ac"]} }"#, #"{"data":-0.5e+3}"#, "1e400", "-0", #"{"":""}"#,
        ].map { Array($0.utf8) }
    }
}
