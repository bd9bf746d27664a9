/// What the service libraries of Web PubSub take as a connection string:
/// `Endpoint=http://localhost:8080;AccessKey=…;Version=1.0;`.
public struct ConnectionString: Hashable, Sendable {
    public enum Fault: Error, Hashable {
        /// A segment without `=`, or a key twice.
        case segment
        /// `Endpoint` is absent, or not a URL of `http` or `https` with a host.
        case endpoint
        /// `AccessKey` is absent or invalid (``AccessKey/rule``).
        case accessKey
        /// `Port` is not a number of a port.
        case port
    }

    /// Without a slash at the end, with its port if it has one.
    public let endpoint: UTF8Text
    public let accessKey: AccessKey

    /// - Returns: nil for an endpoint that is not a URL of `http` or `https` with a host.
    public init?(endpoint: UTF8Text, accessKey: AccessKey) {
        var bytes = Array(endpoint.utf8)
        if bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        let rest = bytes.map(\.lowercasedASCII)
        guard let scheme = ["http://", "https://"].first(where: { rest.starts(with: $0.utf8) }),
            let host = rest.dropFirst(scheme.utf8.count).first, host != UInt8(ascii: "/"), host != UInt8(ascii: ":"),
            bytes.allSatisfy({ (0x21..<0x7F).contains($0) && $0 != UInt8(ascii: ";") })
        else { return nil }
        self.endpoint = UTF8Text(String(decoding: bytes, as: UTF8.self))
        self.accessKey = accessKey
    }

    /// Keys are in any case and order. The last semicolon may be absent, and unknown keys are ignored.
    public init(parsing text: UTF8Text) throws(Fault) {
        var values: [UTF8Text: UTF8Text] = [:]
        for segment in text.split(separator: UInt8(ascii: ";")) {
            guard let sign = segment.utf8.firstIndex(of: UInt8(ascii: "=")) else { throw .segment }
            let name = segment.utf8[..<sign].map(\.lowercasedASCII)
            let value = segment.utf8[segment.utf8.index(after: sign)...]
            let old = values.updateValue(
                UTF8Text(String(Substring(value))),
                forKey: UTF8Text(String(decoding: name, as: UTF8.self))
            )
            guard old == nil else { throw .segment }
        }
        guard let key = values["accesskey"].flatMap({ AccessKey($0) }) else { throw .accessKey }
        guard var endpoint = values["endpoint"] else { throw .endpoint }
        if let port = values["port"] {
            guard let number = UInt64(decimal: port.utf8), (1...65535).contains(number) else { throw .port }
            let bytes = endpoint.utf8.last == UInt8(ascii: "/") ? endpoint.utf8.dropLast() : endpoint.utf8[...]
            endpoint = UTF8Text("\(Substring(bytes)):\(number)")
        }
        guard let value = ConnectionString(endpoint: endpoint, accessKey: key) else { throw .endpoint }
        self = value
    }

    /// Reveals the key.
    public var text: String { "Endpoint=\(self.endpoint);AccessKey=\(self.accessKey.text);Version=1.0;" }
}
