import NIOCore
import NIOHTTP1

/// What has come of a connection's requests and has not been taken yet, in its order. Pure.
struct RequestParts {
    private var parts: CircularBuffer<HTTPServerRequestPart> = []
    /// The end of the body of the request that was taken last has not been taken.
    private(set) var isBodyOpen = false
    /// Requests of which nothing has been taken.
    private(set) var requests = 0
    /// Of the body of the request that came last, the bytes that have come; nil when its end has.
    private(set) var arrivedBodyBytes: Int?

    /// Not all of that body has come.
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

    /// Drops what nobody has taken of the body before.
    /// - Returns: the body only when all of it is here; else ``takeBodyPart()`` has it, part by part.
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

    /// - Returns: nil when there is none, for now or, with the body closed, for good.
    mutating func takeBodyPart() -> ByteBuffer? {
        guard self.isBodyOpen, let part = self.parts.popFirst() else { return nil }
        if case .body(let bytes) = part { return bytes }
        self.isBodyOpen = false
        return nil
    }
}
