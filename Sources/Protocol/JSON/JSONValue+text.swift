package import NIOCore

/// The text of a value, without Foundation, which compares names of members by canonical equivalence.
extension JSONValue {
    /// The JSON text, without white space. A number that JSON cannot represent is null.
    package var encoded: ByteBuffer {
        var json = ByteBuffer()
        self.write(to: &json)
        return json
    }

    private func write(to json: inout ByteBuffer) {
        switch self {
        case .null: json.writeStaticString("null")
        case .boolean(let isTrue): json.writeString(isTrue ? "true" : "false")
        case .number(let number): json.writeString(Self.text(of: number))
        case .text(let text): Self.write(text, to: &json)
        case .list(let elements):
            json.writeStaticString("[")
            for (index, element) in elements.enumerated() {
                if index > 0 { json.writeStaticString(",") }
                element.write(to: &json)
            }
            json.writeStaticString("]")
        case .object(let members):
            json.writeStaticString("{")
            for (index, member) in members.enumerated() {
                if index > 0 { json.writeStaticString(",") }
                Self.write(member.name, to: &json)
                json.writeStaticString(":")
                member.value.write(to: &json)
            }
            json.writeStaticString("}")
        }
    }

    /// Whole numbers are written without a fraction.
    package static func text(of number: Double) -> String {
        guard number.isFinite else { return "null" }
        return Int64(exactly: number).map { "\($0)" } ?? "\(number)"
    }

    private static func write(_ text: UTF8Text, to json: inout ByteBuffer) {
        json.write(atMost: JSONEscaping.count(of: text.string) + 2) { writer in
            writer.write("\"")
            JSONEscaping.write(text.string, to: &writer)
            writer.write("\"")
        }
    }
}
