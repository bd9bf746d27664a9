import NIOCore

/// A JSON object that is written member by member.
struct JSONHubObject {
    private var json = ByteBuffer()

    /// - Parameter name: ASCII without escapes.
    mutating func member(_ name: StaticString, json value: ByteBuffer) {
        self.begin(name)
        self.json.writeImmutableBuffer(value)
    }

    mutating func member(_ name: StaticString, text: String) {
        self.begin(name)
        let count = JSONEscaping.count(of: text)
        self.json.write(atMost: count + 2) { writer in
            writer.write("\"")
            JSONEscaping.write(text, to: &writer)
            writer.write("\"")
        }
    }

    mutating func member(_ name: StaticString, _ id: AckID) {
        switch id {
        case .number(let number): self.member(name, json: ByteBuffer(string: "\(number)"))
        case .text(let text): self.member(name, text: text.text.string)
        }
    }

    private mutating func begin(_ name: StaticString) {
        self.json.writeStaticString(self.json.readableBytes == 0 ? "{\"" : ",\"")
        self.json.writeStaticString(name)
        self.json.writeStaticString("\":")
    }

    /// The complete object, which has at least one member.
    consuming func end() -> ByteBuffer {
        self.json.writeStaticString("}")
        return self.json
    }

    /// A list of JSON values.
    static func list(_ values: [ByteBuffer]) -> ByteBuffer {
        var json = ByteBuffer()
        json.writeStaticString("[")
        for (index, value) in values.enumerated() {
            if index > 0 { json.writeStaticString(",") }
            json.writeImmutableBuffer(value)
        }
        json.writeStaticString("]")
        return json
    }
}
