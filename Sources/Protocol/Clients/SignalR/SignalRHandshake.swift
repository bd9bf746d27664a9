public import NIOCore

/// The first record of a client: which encoding it uses from then on. JSON in any case.
public struct SignalRHandshake: Hashable, Sendable {
    /// Why a client is refused. The text is for the client.
    public enum Refusal: Error, Hashable, Sendable {
        case unknownProtocol(UTF8Text)
        case unknownVersion(UInt64, SignalREncoding)
        /// The client's transport carries texts only.
        case textOnly(SignalREncoding)
        /// Not JSON, no object, or members that are missing or of the wrong type.
        case malformed
        /// It did not arrive in time, or is longer than a record may be.
        case canceled

        public var text: UTF8Text {
            switch self {
            case .unknownProtocol(let name): UTF8Text("The protocol '\(name.string.prefix(maximumBytes: 64))' is not supported.")
            case .unknownVersion(let version, let encoding):
                UTF8Text("The server does not support version \(version) of the '\(encoding.rawValue)' protocol.")
            case .textOnly(let encoding):
                UTF8Text(
                    "Cannot use the '\(encoding.rawValue)' protocol on the current transport. The transport does not support 'Binary' transfer format."
                )
            case .malformed: "An unexpected error occurred during connection handshake."
            case .canceled: "Handshake was canceled."
            }
        }
    }

    /// Versions of the encodings: 0 to 2. Version 2 adds records that only stateful reconnect uses.
    public static let maximumVersion: UInt64 = 2

    public let encoding: SignalREncoding
    public let version: UInt64

    /// - Parameter json: without its separator.
    public init(parsing json: ByteBuffer) throws(Refusal) {
        let members: (name: UTF8Text?, version: UInt64?)
        do throws(JSONScanner.Fault) {
            members = try Self.members(json)
        } catch {
            throw .malformed
        }
        guard let name = members.name, let version = members.version else { throw .malformed }
        guard let encoding = SignalREncoding.allCases.first(where: { UTF8Text($0.rawValue).equalsIgnoringCase(name) }) else {
            throw .unknownProtocol(name)
        }
        guard version <= Self.maximumVersion else { throw .unknownVersion(version, encoding) }
        self.encoding = encoding
        self.version = version
    }

    private static func members(_ json: ByteBuffer) throws(JSONScanner.Fault) -> (name: UTF8Text?, version: UInt64?) {
        try JSONScanner.scan(json) { scanner throws(JSONScanner.Fault) in
            var (name, version): (UTF8Text?, UInt64?)
            guard try scanner.beginObject() else { return (name, version) }
            repeat {
                switch try scanner.name() {
                case "protocol": name = try scanner.string()
                case "version":
                    guard scanner.kind == .number else { throw .malformed }
                    let start = scanner.position
                    try scanner.skipWord()
                    guard let number = UInt64(decimal: scanner.bytes[start..<scanner.position]) else { throw .malformed }
                    version = number
                default: try scanner.skip()
                }
            } while try scanner.nextMember()
            return (name, version)
        }
    }

    /// The answer to a client that is accepted.
    public static let accepted = ByteBuffer(bytes: Array("{}".utf8) + [SignalREncoding.separator])

    /// The answer to a client that is refused; the transport ends after it.
    public static func answer(_ refusal: Refusal) -> ByteBuffer {
        var json = ByteBuffer()
        json.writeStaticString(#"{"error":"#)
        json.writeJSON(text: refusal.text)
        json.writeStaticString("}")
        json.writeInteger(SignalREncoding.separator)
        return json
    }
}
