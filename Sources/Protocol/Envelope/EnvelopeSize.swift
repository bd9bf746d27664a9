import NIOCore

/// How many bytes a message takes, by the table of ``EnvelopeCodec``.
struct EnvelopeSize {
    private(set) var fields = 0
    private(set) var fieldBytes = 0
    private(set) var bodyBytes: Int

    @inline(__always)
    init(of message: NodeMessage) {
        switch message {
        case .publication(let publication):
            self.bodyBytes = 26 + publication.payload.readableBytes
            self.addHub(publication.hub)
            if publication.sender != nil { self.add(EnvelopeCodec.idBytes) }
            self.add(publication.audience)
            switch publication.confirmation {
            case .none: break
            case .routed: self.add(0)
            case .written: self.add(4)
            }
            if let details = publication.details { self.add(details) }
        case .receipts(let receipts): self.bodyBytes = 2 + 20 * receipts.count
        case .close(let request):
            self.bodyBytes = 34 + request.reason.utf8.count
            self.addHub(request.hub)
        case .membership(let request):
            self.bodyBytes = 33 + request.group.byteCount
            self.addHub(request.hub)
        case .drain, .probe: self.bodyBytes = 16
        case .transportRequest(let request):
            self.bodyBytes = 35 + (request.user?.byteCount ?? 0) + request.action.byteCount
            self.addHub(request.hub)
        case .transportAnswer(let answer): self.bodyBytes = 17 + answer.body.readableBytes
        case .trace(let trace): self.bodyBytes = 17 + trace.content.byteCount
        case .audience(let command):
            self.bodyBytes = 25 + command.action.byteCount
            self.addHub(command.hub)
            self.add(command.audience)
            if let selection = command.selection { self.add(selection) }
        case .permission(let request):
            self.bodyBytes = 34 + (request.group?.byteCount ?? 0)
            self.addHub(request.hub)
        }
    }

    private mutating func add(_ audience: Audience) {
        switch audience {
        case .all: break
        case .connection: self.add(EnvelopeCodec.idBytes)
        case .group(let name), .user(let name): self.add(name.byteCount)
        }
    }

    private mutating func add(_ details: PublicationDetails) {
        if let user = details.senderUser { self.add(user.byteCount) }
        if !details.metadata.isEmpty { self.add(details.metadata.encodedBytes) }
        if details.secondsToLive != nil { self.add(2) }
        if !details.excluded.isEmpty { self.add(EnvelopeCodec.idBytes * details.excluded.count) }
        if let filter = details.filter { self.add(filter.text.utf8.count) }
    }

    private mutating func addHub(_ hub: HubName) {
        if !hub.isDefault { self.add(hub.text.utf8.count) }
    }

    private mutating func add(_ length: Int) {
        self.fields += 1
        self.fieldBytes += EnvelopeCodec.fieldHeaderBytes + length
    }
}
