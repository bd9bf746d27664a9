import HTTPTypes
import NIOCore
import NIOHPACK
import NIOHTTP1
import VolaryProtocol

@testable import VolaryNode

/// The first HEADERS of an HTTP/2 stream, as lines of a name, a colon and a value; and the bytes of a connection.
enum StreamsFuzz {
    private static let endpoints: [Endpoint] = [.plain(Echo { 0 }, precision: .seconds), .echo(Echo { 0 })]
    private static let settings = HTTPSettings(
        maximumHeaderBytes: 1024,
        maximumHeaderFields: 20,
        handshakeTimeout: .seconds(1),
        idleTimeout: .seconds(1),
        maximumBodyBytes: 1024
    )

    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        try self.checkFrames(input)
        let fields = HPACKHeaders(
            input.split(separator: UInt8(ascii: "\n")).compactMap { line in
                // The colon of a pseudo-header does not end its name.
                guard let colon = line.dropFirst().firstIndex(of: UInt8(ascii: ":")) else { return nil }
                let (name, value) = (line[..<colon], line[(colon + 1)...])
                return (String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self))
            }
        )
        let head: HTTPRequestHead
        do throws(HTTPErrorHandler.Fault) {
            head = try HTTPErrorHandler.checked(HTTPRequestHead(fields, settings: self.settings))
        } catch {
            let status = error.problem(self.settings).status
            return try hold((400...599).contains(status.code), "\(error) is answered with \(status)")
        }
        try hold(head.headers.count <= self.settings.maximumHeaderFields + 1, "\(head.headers.count) fields are accepted")
        try hold(head.hasGoodHost, "an invalid host is accepted")
        try hold(head.uri == "*" || head.uri.hasPrefix("/"), "the target \(head.uri) is accepted")
        try self.checkHandshake(head)
    }

    private static func checkHandshake(_ head: HTTPRequestHead) throws(FuzzFailure) {
        let client: WebSocketHandshake.Client
        do throws(WebSocketHandshake.Refusal) {
            client = try WebSocketHandshake.validate(
                head,
                isExtendedConnect: true,
                endpoints: self.endpoints,
                acceptsUserQuery: true,
                compresses: true
            )
        } catch {
            return try hold((400...599).contains(error.problem.status.code), "\(error) is answered with \(error.problem.status)")
        }
        let answer = WebSocketHandshake.fields(of: head, for: client)
        let hasKey = head.headers.contains(name: "sec-websocket-key")
        try hold(answer.contains { $0.name == "sec-websocket-accept" } == hasKey, "a key and its answer do not belong together")
        try hold(answer.allSatisfy { $0.name == $0.name.lowercased() }, "a field of an answer has capitals")
    }

    /// Pieces of the bytes become the same frames as the whole, and the frames are its bytes in their order.
    private static func checkFrames(_ input: [UInt8]) throws(FuzzFailure) {
        let (whole, parts) = parts(of: input)
        let preface = [UInt8](repeating: 0, count: 24)
        let frames = self.frames(of: [preface + whole])
        let pieces = self.frames(of: [preface] + parts.map { Array($0) })
        try hold(frames == pieces, "pieces of a connection become other frames than the whole")
        var position = 0
        for frame in frames {
            let bytes = (preface + whole)[position...].prefix(frame.count)
            // The values of settings are limited.
            let isSame = position > 0 && frame[3] == 4 ? frame.count == bytes.count : frame.elementsEqual(bytes)
            try hold(isSame, "a frame is not what the client has sent")
            position += frame.count
        }
    }

    private static func frames(of parts: [[UInt8]]) -> [[UInt8]] {
        var (splitter, frames) = (FrameSplitter(), [[UInt8]]())
        for part in parts {
            splitter.append(ByteBuffer(bytes: part))
            while let next = splitter.next() {
                switch next {
                case .headers(let frame), .data(let frame), .other(let frame), .shrinkingWindows(let frame):
                    frames.append(Array(frame.readableBytesView))
                case .tooManySettings: return frames
                }
            }
            splitter.compact()
        }
        return frames
    }

    static var seeds: [[UInt8]] {
        let connect = ":method:CONNECT\n:protocol:websocket\n:scheme:https\n:authority:h\n"
        let version = "sec-websocket-version:13\n"
        return [
            "\(connect):path:/ws\n\(version)", "\(connect):path:/echo?user=ann%20b\n\(version)sec-websocket-protocol:a, b\n",
            "\(connect):path:/ws\n\(version)sec-websocket-key:dGhlIHNhbXBsZSBub25jZQ==\nsec-websocket-extensions:permessage-deflate\n",
            ":method:GET\n:scheme:http\n:authority:[::1]:80\n:path:/api/connections\nhost:[::1]:80\n",
            ":method:POST\n:scheme:http\n:path:*\ncontent-length:3\n",
        ].map { Array($0.utf8) } + [[1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 7]]
    }
}
