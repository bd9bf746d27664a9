public import NIOCore

/// Events with positions, and readers that resume.
extension EventStreamProtocol {
    static let idField = "id: "

    /// Tells a reader a position without an event: `EventSource` keeps it, and dispatches nothing.
    public static func mark(_ position: Position) -> ByteBuffer { ByteBuffer(string: "\(self.idField)\(position)\n\n") }

    /// The event `gap`: publications may be missing between the last event that the reader has got and the next one.
    /// - Parameter timestamp: milliseconds since 1970, UTC.
    public func gap(at timestamp: Int64) -> ByteBuffer {
        let text = ByteBuffer(string: "Messages may have been lost.")
        let message = ServerMessage(kind: .gap, message: text, timestamp: timestamp)
        return Self.event(ServerMessage.Kind.gap.rawValue, self.plain.json(message))
    }

    /// Leaves out the events up to a position. Events without a position stay.
    /// - Parameter events: complete ones.
    /// - Returns: the rest, and whether an event behind the position was among them.
    public static func events(_ events: ByteBuffer, behind position: Position) -> (rest: ByteBuffer, arePast: Bool) {
        var (rest, arePast) = (ByteBuffer(), false)
        var view = events.readableBytesView
        while !view.isEmpty {
            let end = self.end(of: view)
            let event = view[..<end]
            view = view[end...]
            if let own = self.position(of: event) {
                guard own > position else { continue }
                arePast = true
            }
            rest.writeBytes(event)
        }
        return (rest, arePast)
    }

    /// Behind the empty line that ends the first event.
    private static func end(of view: ByteBufferView) -> Int {
        var line = view.startIndex
        while let feed = view[line...].firstIndex(of: UInt8(ascii: "\n")) {
            let next = view.index(after: feed)
            if feed == line { return next }
            line = next
        }
        return view.endIndex
    }

    private static func position(of event: ByteBufferView) -> Position? {
        guard event.starts(with: self.idField.utf8) else { return nil }
        return Position(
            String(decoding: event.dropFirst(self.idField.utf8.count).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        )
    }

    /// A publication as an element of a list: `{"position":"1781330400000-13","event":"server-broadcast","data":{…}}`. The event and the
    /// data are those of the stream.
    public func element(_ publication: Publication, at position: Position) -> ByteBuffer? {
        guard let (name, data) = self.named(publication) else { return nil }
        var json = ByteBuffer()
        json.reserveCapacity(data.readableBytes + name.utf8.count + 80)
        json.writeString(#"{"position":"\#(position)","event":"\#(name)","data":"#)
        json.writeImmutableBuffer(data)
        json.writeString("}")
        return json
    }
}
