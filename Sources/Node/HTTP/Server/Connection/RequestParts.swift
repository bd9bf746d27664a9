import NIOCore
import NIOHTTP1

/// Parts of requests that have been received and not yet taken, in order. Pure.
///
/// Pieces of a body are gathered in one part, because each part costs memory and a wake-up of the task, however few bytes it has.
struct RequestParts {
    private var parts: CircularBuffer<HTTPServerRequestPart> = []
    /// Whether the end of the body of the last taken request has not been taken yet.
    private(set) var isBodyOpen = false
    /// Number of requests of which nothing has been taken.
    private(set) var requests = 0
    /// Number of buffered body bytes.
    private(set) var bodyBytes = 0
    /// Number of received body bytes of the last request, including those that have been taken; nil once its end has been received.
    private(set) var arrivedBodyBytes: Int?

    /// Whether a part of the last taken request's body has not been received yet.
    var lacksBody: Bool { self.isBodyOpen && !self.hasEnd }

    private var hasEnd: Bool { self.parts.contains { if case .end = $0 { true } else { false } } }

    var count: Int { self.parts.count }
    var isEmpty: Bool { self.parts.isEmpty }

    mutating func append(_ part: HTTPServerRequestPart) {
        switch part {
        case .head:
            self.requests += 1
            self.arrivedBodyBytes = 0
        case .body(let bytes):
            self.arrivedBodyBytes? += bytes.readableBytes
            self.bodyBytes += bytes.readableBytes
            return self.append(bytes)
        case .end: self.arrivedBodyBytes = nil
        }
        self.parts.append(part)
    }

    private mutating func append(_ bytes: ByteBuffer) {
        guard case .body? = self.parts.last, case .body(var gathered)? = self.parts.popLast() else {
            return self.parts.append(.body(bytes))
        }
        // Copies all of the first piece once, because that is a slice of a read.
        gathered.writeImmutableBuffer(bytes)
        self.parts.append(.body(gathered))
    }

    /// Drops the rest of the previous request's body.
    /// - Returns: a request, with its body if all of it has been received. Otherwise ``takeBodyPart()`` returns the body part
    ///   by part.
    mutating func takeRequest() -> (head: HTTPRequestHead, body: ByteBuffer?)? {
        while self.isBodyOpen, !self.parts.isEmpty { _ = self.takeBodyPart() }
        guard case .head(let head)? = self.parts.popFirst() else { return nil }
        self.requests -= 1
        self.isBodyOpen = true
        return (head, self.takeWholeBody())
    }

    private mutating func takeWholeBody() -> ByteBuffer? {
        guard self.hasEnd else { return nil }
        guard let body = self.takeBodyPart() else { return ByteBuffer() }
        _ = self.takeBodyPart()
        return body
    }

    /// - Returns: nil when there is none; if the body is closed, there will be none later.
    mutating func takeBodyPart() -> ByteBuffer? {
        guard self.isBodyOpen, let part = self.parts.popFirst() else { return nil }
        if case .body(let bytes) = part {
            self.bodyBytes -= bytes.readableBytes
            return bytes
        }
        self.isBodyOpen = false
        return nil
    }
}
