import NIOCore
import NIOHTTP1
import VolaryBackplane
import VolaryProtocol

/// An event for a handler, in the binary form of CloudEvents 1.0 over HTTP.
struct CloudEvent: Sendable {
    enum Kind: Hashable, Sendable {
        case system(SystemEvent)
        case user(EventName)

        /// In the URL and in `ce-eventName`.
        var name: String {
            switch self {
            case .system(let event): event.rawValue
            case .user(let name): name.text
            }
        }

        /// Whether the client waits for the answer.
        var isBlocking: Bool {
            switch self {
            case .system(.connect), .user: true
            case .system(.connected), .system(.disconnected): false
            }
        }

        fileprivate var type: String {
            switch self {
            case .system(let event): "azure.webpubsub.sys.\(event.rawValue)"
            case .user(let name): "azure.webpubsub.user.\(name.text)"
            }
        }
    }

    /// What an event says of its connection.
    struct Sender: Sendable {
        let id: ConnectionID
        let hub: HubName
        /// nil: anonymous, or not decided yet.
        let user: AudienceName?
        /// nil: none, or not decided yet.
        let subprotocol: String?
        /// The state that a handler has last set.
        var state: String?
    }

    /// Number of `disconnected` for a resumable connection: above those of all of its events, and the same from every node.
    static let lastNumber = UInt64(Int64.max)
    static let jsonType = "application/json; charset=utf-8"

    let kind: Kind
    let sender: Sender
    /// The number of the event of its connection: the same in each try.
    let number: UInt64
    let contentType: String
    let body: ByteBuffer
    var metadata = MessageMetadata()
    /// Value of `Cookie`; nil: none.
    var cookies: String?

    /// Size for the limits of a hub: the body, and 1 KiB for the rest.
    var byteCount: Int { self.body.readableBytes + 1024 }

    /// The fields of a request.
    /// - Parameters:
    ///   - time: of the event, in milliseconds since 1970, UTC.
    ///   - requestID: different for each event, and the same in each try.
    func fields(origin: String, signature: String, time: Int64, requestID: String) -> HTTPHeaders {
        var fields: HTTPHeaders = [
            "Content-Type": self.contentType,
            "WebHook-Request-Origin": origin,
            "ce-specversion": "1.0",
            "ce-awpsversion": "1.0",
            "ce-type": self.kind.type,
            "ce-source": "/hubs/\(self.sender.hub.text)/client/\(self.sender.id)",
            "ce-id": "\(self.number)",
            "ce-time": Timestamp.seconds(time),
            "ce-signature": signature,
            "ce-connectionId": "\(self.sender.id)",
            "ce-hub": self.sender.hub.text,
            "ce-eventName": self.kind.name,
            "x-ms-client-request-id": requestID,
        ]
        if let user = self.sender.user { fields.add(name: "ce-userId", value: Self.fieldValue(user.text)) }
        if let subprotocol = self.sender.subprotocol { fields.add(name: "ce-subprotocol", value: subprotocol) }
        if let state = self.sender.state { fields.add(name: "ce-connectionState", value: state) }
        for entry in self.metadata.entries {
            fields.add(name: "\(EventAnswer.metadataPrefix)\(entry.key.string)", value: entry.value.string)
        }
        if let cookies { fields.add(name: "Cookie", value: cookies) }
        return fields
    }

    /// Text in UTF-8. Control characters, which no field may contain, are percent-encoded.
    static func fieldValue(_ text: String) -> String {
        func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7F }
        guard text.utf8.contains(where: isControl) else { return text }
        let bytes = text.utf8.flatMap { isControl($0) ? Array("%\(Hex.encode([$0]).uppercased())".utf8) : [$0] }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension CloudEvent {
    /// An event of a client.
    init(_ event: ClientEvent, from sender: Sender, number: UInt64, cookies: String?) {
        let type =
            switch event.payload.dataType {
            case .text: "text/plain; charset=utf-8"
            case .json: Self.jsonType
            case .binary: "application/octet-stream"
            case .protobuf: "application/x-protobuf"
            }
        self.init(
            kind: .user(event.name),
            sender: sender,
            number: number,
            contentType: type,
            body: event.payload.bytes,
            metadata: event.metadata,
            cookies: cookies
        )
    }

    static func connected(_ sender: Sender, cookies: String?) -> CloudEvent {
        let body = ByteBuffer(string: "{}")
        return CloudEvent(
            kind: .system(.connected),
            sender: sender,
            number: 1,
            contentType: Self.jsonType,
            body: body,
            cookies: cookies
        )
    }

    /// - Parameter reason: of the close, from either side; may be empty.
    static func disconnected(_ sender: Sender, number: UInt64, reason: String, cookies: String?) -> CloudEvent {
        CloudEvent(
            kind: .system(.disconnected),
            sender: sender,
            number: number,
            contentType: Self.jsonType,
            body: JSONBody.encode(["reason": reason]),
            cookies: cookies
        )
    }
}
