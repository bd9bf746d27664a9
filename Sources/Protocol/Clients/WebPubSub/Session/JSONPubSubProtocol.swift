/// The subprotocols `json.webpubsub.azure.v1` and `json.reliable.webpubsub.azure.v1`: each message is one JSON object in a text
/// message. Reliable clients get the number of each message in a ``SequenceTail``.
public final class JSONPubSubProtocol: ClientProtocol {
    public static let subprotocol = "json.webpubsub.azure.v1"
    public static let reliableSubprotocol = "json.reliable.webpubsub.azure.v1"

    private let isReliable: Bool

    public init(isReliable: Bool) {
        self.isReliable = isReliable
    }

    public var name: String { self.isReliable ? Self.reliableSubprotocol : Self.subprotocol }

    public var tailBytes: Int { self.isReliable ? SequenceTail.byteCount : 0 }

    public func encode(_ publication: Publication) -> ClientMessage? {
        PubSubMessage(publication).map { .text($0.encoded(isNumbered: self.isReliable)) }
    }

    public func makeSession(_ facts: SessionFacts) -> any ClientSession {
        JSONPubSubSession(facts, isReliable: self.isReliable)
    }
}
