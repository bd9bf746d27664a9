import VolaryProtocol

/// The parsers of untrusted bytes. Each target gets any bytes and checks properties that must hold for all inputs.
enum FuzzTarget: String, CaseIterable {
    /// Messages between nodes, through Redis.
    case envelope
    /// Answers of Redis.
    case replies
    /// The same on a link with pending commands.
    case link
    /// The messages of a topic, from its channel and its log.
    case log
    /// Frames of a client.
    case frames
    /// The same with permessage-deflate.
    case compressed
    /// The PROXY header before a client's first byte.
    case proxy
    /// Forwarding header fields of a request.
    case forwarded
    /// The first request of a client.
    case handshake
    /// The first header fields of an HTTP/2 stream.
    case streams
    /// Credentials of a request, and the claims of a token.
    case token
    /// The query of a request.
    case query
    /// The body of a request.
    case json
    /// Messages of Web PubSub clients.
    case pubsub
    /// Messages of hub clients.
    case hubs
    /// Records of SignalR clients, in both encodings.
    case signalr
    /// Filters of connections.
    case filter
    /// Roles, patterns of groups, audiences of tokens and connection strings.
    case roles
    /// Stored answers that are repeated.
    case answer
    /// Names, ids and settings as texts.
    case texts

    /// - Throws: ``FuzzFailure`` when a property does not hold.
    func check(_ input: [UInt8]) throws {
        switch self {
        case .envelope: try EnvelopeFuzz.check(input)
        case .replies: try RepliesFuzz.check(input)
        case .link: try LinkFuzz.check(input)
        case .log: try LogFuzz.check(input)
        case .frames: try FramesFuzz.check(input)
        case .compressed: try FramesFuzz.check(input, NegotiatedDeflate.accepting([ExtensionOffer("permessage-deflate")]))
        case .proxy: try ProxyFuzz.check(input)
        case .forwarded: try ForwardedFuzz.check(input)
        case .handshake: try HandshakeFuzz.check(input)
        case .streams: try StreamsFuzz.check(input)
        case .token: try TokenFuzz.check(input)
        case .query: try QueryFuzz.check(input)
        case .json: try JSONFuzz.check(input)
        case .pubsub: try PubSubFuzz.check(input)
        case .hubs: try HubsFuzz.check(input)
        case .signalr: try SignalRFuzz.check(input)
        case .filter: try FilterFuzz.check(input)
        case .roles: try RolesFuzz.check(input)
        case .answer: try AnswerFuzz.check(input)
        case .texts: try TextsFuzz.check(input)
        }
    }

    /// Valid inputs to start from.
    var seeds: [[UInt8]] {
        switch self {
        case .envelope: EnvelopeFuzz.seeds
        case .replies: RepliesFuzz.seeds
        case .link: LinkFuzz.seeds
        case .log: LogFuzz.seeds
        case .frames, .compressed: FramesFuzz.seeds
        case .proxy: ProxyFuzz.seeds
        case .forwarded: ForwardedFuzz.seeds
        case .handshake: HandshakeFuzz.seeds
        case .streams: StreamsFuzz.seeds
        case .token: TokenFuzz.seeds
        case .query: QueryFuzz.seeds
        case .json: JSONFuzz.seeds
        case .pubsub: PubSubFuzz.seeds
        case .hubs: HubsFuzz.seeds
        case .signalr: SignalRFuzz.seeds
        case .filter: FilterFuzz.seeds
        case .roles: RolesFuzz.seeds
        case .answer: AnswerFuzz.seeds
        case .texts: TextsFuzz.seeds
        }
    }
}

struct FuzzFailure: Error, CustomStringConvertible {
    let description: String
}

/// - Throws: ``FuzzFailure`` when the condition is false.
func hold(_ condition: Bool, _ text: @autoclosure () -> String) throws(FuzzFailure) {
    if !condition { throw FuzzFailure(description: text()) }
}

/// The bytes in parts, as a socket may deliver them. The first byte determines the split and is not part of them.
func parts(of input: [UInt8]) -> (whole: ArraySlice<UInt8>, parts: [ArraySlice<UInt8>]) {
    guard let way = input.first else { return ([], []) }
    let whole = input[1...]
    var parts: [ArraySlice<UInt8>] = []
    var rest = whole
    var state = UInt32(way)
    while !rest.isEmpty {
        // Mostly short parts: numbers, lengths and headers have only a few bytes.
        state = state &* 1_664_525 &+ 1_013_904_223
        let length = way == 0 ? 1 : 1 + Int(state >> 24) % (way < 128 ? 8 : 64)
        parts.append(rest.prefix(length))
        rest = rest.dropFirst(length)
    }
    return (whole, parts)
}
