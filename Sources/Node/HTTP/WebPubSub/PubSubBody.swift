import Foundation
import HTTPTypes
import NIOCore
import NIOFoundationEssentialsCompat
import VolaryProtocol

/// Reads bodies and metadata of Web PubSub's REST API.
enum PubSubBody {
    /// Maximum size of a body: 1 MiB.
    static let maximumBytes = 1024 * 1024

    private static let metadataPrefix = "x-webpubsub-metadata-"

    // MARK: - Messages

    /// The message of a request. A body without a type is binary.
    static func content(of request: Request) async throws -> PushContent {
        let type = request.headers.value(.contentType).map { MediaType($0) }
        guard request.headers.value(.contentEncoding)?.isSame("identity") ?? true else { throw Problem.codedBody }
        switch type?.name {
        case nil, "application/octet-stream":
            return PushContent(dataType: .binary, payload: try await self.bytes(of: request))
        case "application/json":
            let body = try await self.bytes(of: request)
            // An empty message is a text: JSON has no empty value.
            guard body.readableBytes > 0 else { return PushContent(dataType: .text, payload: body) }
            guard Self.isJSON(body) else { throw Problem.pubSub(.badRequest, "The request body is not a valid JSON.") }
            return PushContent(dataType: .json, payload: body)
        case "text/plain":
            guard let encoding = type?.encoding else { throw Problem.pubSubType }
            let body = try await self.bytes(of: request)
            guard let text = encoding.text(body) else {
                throw Problem.pubSub(.badRequest, "The request body is not valid in its character set.")
            }
            return PushContent(dataType: .text, payload: text)
        default: throw Problem.pubSubType
        }
    }

    private static func isJSON(_ body: ByteBuffer) -> Bool {
        do throws(JSONScanner.Fault) {
            try JSONScanner.scan(body) { scanner throws(JSONScanner.Fault) in try scanner.skip() }
            return true
        } catch {
            return false
        }
    }

    private static func bytes(of request: Request) async throws -> ByteBuffer {
        try await JSONBody.bytes(of: request, maximumBytes: self.maximumBytes)
    }

    // MARK: - Groups

    /// `{"groups": […], "filter": "…"}`.
    static func groups(of request: Request) async throws -> (groups: [AudienceName], filter: PubSubFilter?) {
        guard request.headers.value(.contentType).map({ MediaType($0).name }) == "application/json" else {
            throw Problem.pubSubType
        }
        guard let json = try? JSONValue(parsing: try await self.bytes(of: request)), json.kind == .object else {
            throw Problem.pubSub(.badRequest, "The request body is not a valid JSON object.")
        }
        guard case .list(let elements) = json["groups"], !elements.isEmpty, elements.count <= Limits.maximumGroupsPerCommand
        else {
            throw Problem.pubSub(.badRequest, "'groups' must have 1 to \(Limits.maximumGroupsPerCommand) names.")
        }
        let groups = elements.compactMap { $0.text.flatMap { AudienceName(pubSubGroup: $0) } }
        guard groups.count == elements.count else { throw Problem.invalidPubSubGroup }
        let filter = json["filter"]
        guard filter == nil || filter?.kind == .text else { throw Problem.pubSub(.badRequest, "'filter' must be a string.") }
        return (groups, try PubSubFilter(ofCaller: filter?.text))
    }

    // MARK: - Metadata

    /// `X-WebPubSub-Metadata-<key>`: keys in lower case, the last value of each.
    static func metadata(of request: Request) throws(Problem) -> MessageMetadata {
        var entries: [UTF8Text: UTF8Text] = [:]
        for field in request.headers where field.name.canonicalName.begins(self.metadataPrefix) {
            let last = field.value.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).last ?? []
            let key = String(Substring(field.name.canonicalName.utf8.dropFirst(self.metadataPrefix.utf8.count)))
            entries[UTF8Text(key)] = UTF8Text(String(Substring(String(decoding: last, as: UTF8.self)).trimmingOWS))
        }
        guard let metadata = MessageMetadata(entries.sorted { $0.key < $1.key }.map { .init($0.key, $0.value) }) else {
            throw .pubSub(.badRequest, "The metadata is not valid: see the limits of keys and values.")
        }
        return metadata
    }
}

/// The value of `Content-Type`.
private struct MediaType {
    /// In lower case, without parameters.
    let name: UTF8Text
    private let charset: UTF8Text?

    init(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: ";")).map { Self.lowercase(Substring($0).trimmingOWS) }
        self.name = parts.first.map { UTF8Text($0) } ?? ""
        let prefix = "charset="
        self.charset = parts.dropFirst().first { $0.begins(prefix) }.map { part in
            let value = part.utf8.dropFirst(prefix.utf8.count).filter { $0 != UInt8(ascii: "\"") }
            return UTF8Text(String(decoding: value, as: UTF8.self))
        }
    }

    private static func lowercase(_ text: Substring) -> String { String(decoding: text.utf8.map(\.lowercased), as: UTF8.self) }

    /// nil for an unknown character set.
    var encoding: CharacterSet? { CharacterSet(self.charset) }

    enum CharacterSet {
        case utf8
        case windows1252
        case other(String.Encoding)

        init?(_ name: UTF8Text?) {
            switch name {
            case nil, "utf-8", "utf8", "us-ascii", "ascii": self = .utf8
            case "iso-8859-1", "latin1": self = .other(.isoLatin1)
            case "windows-1252": self = .windows1252
            case "utf-16": self = .other(.utf16)
            case "utf-16le": self = .other(.utf16LittleEndian)
            case "utf-16be": self = .other(.utf16BigEndian)
            case "utf-32": self = .other(.utf32)
            default: return nil
            }
        }

        /// - Returns: the text in UTF-8; nil for bytes that are not valid.
        func text(_ bytes: ByteBuffer) -> ByteBuffer? {
            switch self {
            case .utf8: return String(validating: bytes.readableBytesView, as: UTF8.self).map { _ in bytes }
            case .windows1252: return Windows1252.text(bytes.readableBytesView)
            case .other(let encoding):
                return String(data: Data(buffer: bytes), encoding: encoding).map { ByteBuffer(string: $0) }
            }
        }
    }
}

extension Problem {
    fileprivate static let pubSubType = Problem.pubSub(
        .mediaType,
        "The body must be text/plain, application/json or application/octet-stream; lists of groups must be application/json."
    )
}
