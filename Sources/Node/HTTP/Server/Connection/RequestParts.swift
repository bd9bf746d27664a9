import NIOCore
import NIOHTTP1

/// Parts of requests that have been received and not yet taken, in order. Pure.
struct RequestParts {
    private var parts: CircularBuffer<HTTPServerRequestPart> = []
    /// Whether the end of the body of the last taken request has not been taken yet.
    private(set) var isBodyOpen = false
    /// Number of requests of which nothing has been taken.
    private(set) var requests = 0
    /// Number of received body bytes of the last request; nil once its end has been received.
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
        case .body(let bytes): self.arrivedBodyBytes? += bytes.readableBytes
        case .end: self.arrivedBodyBytes = nil
        }
        self.parts.append(part)
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
        var body = ByteBuffer()
        while let bytes = self.takeBodyPart() {
            if body.readableBytes == 0 { body = bytes } else { body.writeImmutableBuffer(bytes) }
        }
        return body
    }

    /// - Returns: nil when there is none; if the body is closed, there will be none later.
    mutating func takeBodyPart() -> ByteBuffer? {
        guard self.isBodyOpen, let part = self.parts.popFirst() else { return nil }
        if case .body(let bytes) = part { return bytes }
        self.isBodyOpen = false
        return nil
    }
}
