import TestSupport
import Testing

@testable import VolaryNode

/// A reader of `/events` over HTTP/1.1, which parses events as the standard says.
struct EventStreamClient: Sendable {
    struct Event: Hashable {
        var name = "message"
        var data = ""
        /// nil without one of its own.
        var id: String?
    }

    let raw: RawTestClient

    /// - Parameters:
    ///   - query: with its question mark.
    ///   - fields: further lines of the head, each with its CRLF.
    static func open(_ node: APITestNode, _ query: String = "", _ fields: String = "") async throws -> EventStreamClient {
        let client = EventStreamClient(raw: try await RawTestClient.connect(port: node.port))
        try await client.raw.send("GET /events\(query) HTTP/1.1\r\nHost: 127.0.0.1:\(node.port)\r\n\(fields)\r\n")
        _ = await eventually { client.status == 200 ? !client.body.isEmpty : client.raw.isEnded }
        return client
    }

    var status: Int? { self.raw.received.split(separator: " ").dropFirst().first.flatMap { Int($0) } }

    /// The head of the answer, in lower case.
    var head: String { self.parts.head.lowercased() }

    var body: String { self.parts.body }

    private var parts: (head: String, body: String) {
        let text = self.raw.received
        guard let end = text.firstRange(of: "\r\n\r\n") else { return (text, "") }
        return (String(text[..<end.upperBound]), String(text[end.upperBound...]))
    }

    var events: [Event] { Self.events(in: self.body) }

    /// The last id, as the reader would name it when it connects again.
    var lastID: String? {
        self.body.split(separator: "\n").last { $0.hasPrefix("id: ") }.map { String($0.dropFirst(4)) }
    }

    /// How many comments there are, which keep the stream open.
    var comments: Int { self.body.split(separator: "\n").filter { $0 == ":" }.count }

    /// The complete events.
    static func events(in text: String) -> [Event] {
        var events: [Event] = []
        for block in text.split(separator: "\n\n", omittingEmptySubsequences: false).dropLast() {
            var (event, lines) = (Event(), [Substring]())
            for line in block.split(separator: "\n") {
                if line.hasPrefix("event: ") { event.name = String(line.dropFirst(7)) }
                if line.hasPrefix("id: ") { event.id = String(line.dropFirst(4)) }
                if line.hasPrefix("data: ") { lines.append(line.dropFirst(6)) }
            }
            event.data = lines.joined(separator: "\n")
            if !lines.isEmpty { events.append(event) }
        }
        return events
    }

    /// Waits for a number of events.
    func events(_ count: Int) async -> [Event] {
        _ = await eventually { self.events.count >= count || self.raw.isEnded }
        return self.events
    }
}
