import NIOCore
import NIOHTTP1
import VolaryProtocol

/// An answer of a handler with a status of 200 to 299.
struct HandlerAnswer: Sendable {
    /// Largest body: 1 MiB, as the largest message of a client.
    static let maximumBytes = 1024 * 1024
    /// Largest state: 8 KiB, because it comes back in the header of each later event.
    static let maximumStateBytes = 8 * 1024

    let fields: HTTPHeaders
    let body: ByteBuffer

    /// In lower case and without parameters; nil if there is none.
    fileprivate var contentType: String? {
        self.fields.first(name: "content-type").map { value in
            String(
                decoding: value.utf8.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") }.map(\.lowercased),
                as: UTF8.self
            )
        }
    }

    /// A state to keep: empty to keep none; nil to keep what there is.
    /// - Throws: for a state that is too large.
    var state: String? {
        get throws(EventFailure) {
            guard let state = self.fields.first(name: "ce-connectionState") else { return nil }
            guard state.utf8.count <= Self.maximumStateBytes else { throw .invalidAnswer }
            return state
        }
    }
}

/// What a handler says of a client that wants to connect. nil members change nothing.
struct ConnectAnswer: Hashable, Sendable {
    /// Empty: anonymous.
    var user: UTF8Text?
    var groups: Set<AudienceName>?
    var permissions: GroupPermissions?
    var subprotocol: String?

    /// - Throws: for a body that is not an object of this form, or has an invalid name.
    init(_ answer: HandlerAnswer) throws(EventFailure) {
        guard answer.body.readableBytes > 0 else { return }
        guard let value = try? JSONValue(parsing: answer.body) else { throw .invalidAnswer }
        switch value {
        case .null: return
        case .object: break
        default: throw .invalidAnswer
        }
        if let user = value["userId"] {
            guard let text = user.text, text.utf8.isEmpty || AudienceName(text) != nil else { throw .invalidAnswer }
            self.user = text
        }
        if let groups = try Self.texts(value["groups"]), !groups.isEmpty {
            let names = groups.compactMap { AudienceName(pubSubGroup: $0) }
            guard names.count == groups.count else { throw .invalidAnswer }
            self.groups = Set(names)
        }
        if let roles = try Self.texts(value["roles"]) {
            guard let permissions = GroupPermissions(roles: roles) else { throw .invalidAnswer }
            self.permissions = permissions
        }
        if let subprotocol = value["subprotocol"] {
            guard let text = subprotocol.text else { throw .invalidAnswer }
            self.subprotocol = text.utf8.isEmpty ? nil : text.string
        }
    }

    private static func texts(_ value: JSONValue?) throws(EventFailure) -> [UTF8Text]? {
        guard let value else { return nil }
        guard case .list(let elements) = value else { throw .invalidAnswer }
        let texts = elements.compactMap(\.text)
        guard texts.count == elements.count else { throw .invalidAnswer }
        return texts
    }
}

/// What a handler answers to an event of a client: nothing, or a message for the client.
struct EventAnswer: Hashable, Sendable {
    static let metadataPrefix = "X-WebPubSub-Metadata-"

    /// nil: no message.
    let payload: TypedPayload?
    let metadata: MessageMetadata

    /// - Throws: for a body of another type, or one that is not of its type.
    init(_ answer: HandlerAnswer) throws(EventFailure) {
        self.metadata = try Self.metadata(answer.fields)
        guard answer.body.readableBytes > 0 else {
            self.payload = self.metadata.isEmpty ? nil : TypedPayload(.text, ByteBuffer())
            return
        }
        switch answer.contentType {
        case "text/plain":
            guard answer.body.isWellFormedUTF8 else { throw .invalidAnswer }
            self.payload = TypedPayload(.text, answer.body)
        case "application/json":
            let isJSON = (try? JSONScanner.scan(answer.body) { scanner throws(JSONScanner.Fault) in try scanner.skip() }) != nil
            guard isJSON else { throw .invalidAnswer }
            self.payload = TypedPayload(.json, answer.body)
        case nil, "application/octet-stream": self.payload = TypedPayload(.binary, answer.body)
        default: throw .invalidAnswer
        }
    }

    /// Keys are in lower case; the last value of each counts.
    private static func metadata(_ fields: HTTPHeaders) throws(EventFailure) -> MessageMetadata {
        var values: [(key: UTF8Text, value: UTF8Text)] = []
        for (name, value) in fields {
            let name = name.lowercased()
            guard name.hasPrefix(self.metadataPrefix.lowercased()) else { continue }
            let key = UTF8Text(String(name.dropFirst(self.metadataPrefix.utf8.count)))
            values.removeAll { $0.key == key }
            values.append((key, UTF8Text(value)))
        }
        guard let metadata = MessageMetadata(values.map { .init($0.key, $0.value) }) else { throw .invalidAnswer }
        return metadata
    }
}
