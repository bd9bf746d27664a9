import Foundation
import Testing

/// The rule that ``PeerTextCostTests`` measures, checked in the sources that read text from peers. Bytes become text in a few
/// places, each of which is known to be harmless: the `String` is ASCII or short, or becomes a `UTF8Text` or an `AudienceName`,
/// which compare and hash bytes.
struct PeerTextSourceTests {
    private static let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Sources")

    /// Folders that read text from peers.
    private static let folders = ["Protocol", "Node/Application", "Node/HTTP", "Node/Security", "Node/Transport"]

    /// Code that makes a `String` from bytes, splits one by `Character`, or hashes one.
    nonisolated(unsafe) private static let pattern =
        /String\((decoding|buffer|validating|bytes):|(read|get|peek)String\(|JSONDecoder|JSONSerialization|canonicalForm|\[String:|Set<String>|Dictionary<String/

    /// The permitted number of occurrences per file, with the reason.
    private static let allowed: [String: (count: Int, reason: String)] = [
        "Protocol/Envelope/EnvelopeCodec+decoding.swift": (1, "of nodes: a close reason of 123 bytes"),
        "Protocol/Envelope/EnvelopeCodec+commands.swift": (1, "of nodes: a text of 4 KiB, which is passed on"),
        "Protocol/Envelope/EnvelopeFields.swift": (2, "of nodes: a Name, and a hub of 128 bytes"),
        "Protocol/Envelope/EnvelopeFields+details.swift": (2, "go into a UTF8Text"),
        "Protocol/WebSocket/Compression/NegotiatedDeflate.swift": (1, "tokens, which are ASCII"),
        "Protocol/WebSocket/Compression/ExtensionOffer.swift": (1, "tokens, which are ASCII"),
        "Protocol/JSON/JSONScanner+strings.swift": (1, "goes into a UTF8Text"),
        "Protocol/JSON/JSONValue.swift": (1, "a number"),
        "Protocol/MessagePack/MessagePack+JSON.swift": (1, "a number"),
        "Protocol/MessagePack/MessagePackReader.swift": (1, "goes into a UTF8Text"),
        "Protocol/Clients/WebPubSub/Requests/PubSubRequest+parsing.swift": (1, "goes into a UTF8Text"),
        "Protocol/Clients/WebPubSub/Filter/FilterLexer.swift": (1, "goes into a UTF8Text"),
        "Protocol/Clients/WebPubSub/Permissions/GroupPattern.swift": (1, "goes into a UTF8Text"),
        "Protocol/Clients/WebPubSub/Tokens/PubSubTokenClaims.swift": (1, "goes into a UTF8Text"),
        "Protocol/Clients/WebPubSub/Tokens/TokenAudience.swift": (1, "goes into a UTF8Text"),
        "Protocol/Clients/WebPubSub/Tokens/ConnectionString.swift": (2, "goes into a UTF8Text"),
        "Protocol/Clients/EventStream/EventStreamProtocol+positions.swift": (1, "a position, which the node has written"),
        "Protocol/WebSocket/MessageDecoder.swift": (1, "a close reason of 123 bytes"),
        "Node/Transport/Memory/MemoryTransport.swift": (1, "of the node itself, for a test kit"),
        "Node/Security/Authentication/Tokens/Base64URL.swift": (1, "base64, which is ASCII"),
        "Node/Security/Authentication/Tokens/ClaimPath.swift": (1, "an operator's"),
        "Node/Security/Authentication/KeyFiles/KeyFileLines.swift": (1, "an operator's"),
        "Node/Security/Admission/ForwardedHop.swift": (2, "read by bytes"),
        "Node/Security/Admission/ProxyHeader.swift": (1, "107 bytes"),
        "Node/Security/Origins/Origin.swift": (1, "a scheme, which is ASCII"),
        "Node/Security/Origins/AllowedOrigins.swift": (1, "a scheme, which is ASCII"),
        "Node/HTTP/WebPubSub/PubSubBody.swift": (4, "read by bytes, or go into a UTF8Text"),
        "Node/HTTP/WebPubSub/PubSubQuestionRoutes.swift": (1, "an id"),
        "Node/HTTP/Console/ConsolePage.swift": (1, "the program's own"),
        "Node/HTTP/Server/Parsing/HTTPRequestHead+ascii.swift": (1, "makes ASCII of it"),
        "Node/HTTP/Middleware/StoredAnswer.swift": (1, "an answer that a node has kept"),
    ]

    @Test(arguments: folders)
    func `Text of peers is compared, split and hashed as bytes`(folder: String) throws {
        let root = Self.sources.appendingPathComponent(folder)
        let files = try #require(FileManager.default.subpaths(atPath: root.path)).filter { $0.hasSuffix(".swift") }
        #expect(!files.isEmpty)
        for file in files {
            let text = try String(contentsOf: root.appendingPathComponent(file), encoding: .utf8)
            let code = text.split(separator: "\n").filter { !$0.drop { $0 == " " }.hasPrefix("///") }
            let found = code.filter { $0.contains(Self.pattern) }
            let count = Self.allowed["\(folder)/\(file)"]?.count ?? 0
            #expect(
                found.count == count,
                "\(folder)/\(file): use UTF8Text, or name the place here with the reason why it is harmless: \(found)"
            )
        }
    }
}
