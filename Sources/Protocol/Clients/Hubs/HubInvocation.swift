public import NIOCore

/// A call of a method of clients, as a publication in a hub carries it.
///
/// A hub's publication is JSON: `{"target":"message","arguments":["ann","hi"]}`. Clients of other protocols in the same hub get this object as the
/// message's data. A REST caller that sends such an object calls the method as well. All other publications of the hub are calls of
/// ``defaultTarget`` for its clients, with the payload as the only argument.
public struct HubInvocation: Hashable, Sendable {
    /// The method for what others than hubs publish.
    public static let defaultTarget = "message"

    public let target: UTF8Text
    /// A JSON list.
    public let arguments: ByteBuffer

    /// - Parameter arguments: a JSON list.
    public init(target: UTF8Text, arguments: ByteBuffer) {
        self.target = target
        self.arguments = arguments
    }

    /// - Returns: nil for an announcement of the cluster, which hub clients do not get.
    public init?(_ publication: Publication) {
        guard publication.kind != .system else { return nil }
        if publication.dataType == .json, let invocation = Self(parsing: publication.payload) {
            self = invocation
        } else {
            self.init(target: UTF8Text(Self.defaultTarget), arguments: Self.list(publication.dataType, publication.payload))
        }
    }

    /// The payload of a publication.
    public var payload: ByteBuffer {
        let size = 30 + JSONEscaping.count(of: self.target.string) + self.arguments.readableBytes
        var json = ByteBuffer()
        json.write(atMost: size) { writer in
            writer.write(#"{"target":""#)
            JSONEscaping.write(self.target.string, to: &writer)
            writer.write(#"","arguments":"#)
            writer.write(self.arguments)
            writer.write("}")
        }
        return json
    }

    /// - Returns: nil for a text that is not an object with exactly the two members.
    private init?(parsing json: ByteBuffer) {
        var target: UTF8Text?
        var arguments: ByteBuffer?
        var isOther = false
        do throws(JSONScanner.Fault) {
            try JSONScanner.scan(json) { scanner throws(JSONScanner.Fault) in
                guard scanner.kind == .object, try scanner.beginObject() else { throw .malformed }
                repeat {
                    switch try scanner.name() {
                    case "target" where target == nil && scanner.kind == .text: target = try scanner.string()
                    case "arguments" where arguments == nil && scanner.kind == .list:
                        let start = scanner.position
                        try scanner.skip()
                        arguments = json.getSlice(at: json.readerIndex + start, length: scanner.position - start)
                    default:
                        isOther = true
                        try scanner.skip()
                    }
                } while try scanner.nextMember()
            }
        } catch {
            return nil
        }
        guard let target, let arguments, !isOther else { return nil }
        self.init(target: target, arguments: arguments)
    }

    /// A list of the payload alone: text as a string, JSON as it is, bytes as a string in base64.
    private static func list(_ type: Publication.DataType, _ payload: ByteBuffer) -> ByteBuffer {
        var json = ByteBuffer()
        switch type {
        case .json:
            json.write(atMost: payload.readableBytes + 2) { writer in
                writer.write("[")
                writer.write(payload)
                writer.write("]")
            }
        case .text:
            payload.withUnsafeReadableBytes { text in
                let count = JSONEscaping.count(of: text)
                json.write(atMost: count + 4) { writer in
                    writer.write("[\"")
                    JSONEscaping.write(text, count: count, to: &writer)
                    writer.write("\"]")
                }
            }
        case .binary, .protobuf:
            json.write(atMost: Base64.encodedCount(of: payload.readableBytes) + 4) { writer in
                writer.write("[\"")
                Base64.write(payload, to: &writer)
                writer.write("\"]")
            }
        }
        return json
    }
}
