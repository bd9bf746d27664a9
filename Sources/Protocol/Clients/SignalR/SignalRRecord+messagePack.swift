import NIOCore

/// A record of MessagePack is a list, whose first element is the type. Further elements than the known ones are ignored.
extension SignalRRecord {
    /// - Returns: nil for an unknown type.
    static func parse(messagePack content: ByteBuffer) throws(ProtocolViolation) -> SignalRRecord? {
        do throws(MessagePackReader.Fault) {
            return try MessagePackReader.scan(content) { reader throws(MessagePackReader.Fault) in
                try self.read(&reader, content)
            }
        } catch {
            throw .signalRMalformed
        }
    }

    private static func read(
        _ reader: inout MessagePackReader,
        _ content: ByteBuffer
    ) throws(MessagePackReader.Fault) -> SignalRRecord? {
        let count = try reader.beginList()
        guard count > 0 else { throw .malformed }
        var list = ElementList(content: content, left: count - 1)
        let record: SignalRRecord?
        switch try reader.integer() {
        case .unsigned(1): record = .invocation(try list.invocation(&reader, isStream: false))
        case .unsigned(2):
            try list.headers(&reader)
            record = .streamItem(id: try list.id(&reader), item: try list.value(&reader))
        case .unsigned(3):
            try list.headers(&reader)
            record = .completion(id: try list.id(&reader), try list.outcome(&reader))
        case .unsigned(4): record = .invocation(try list.invocation(&reader, isStream: true))
        case .unsigned(5):
            try list.headers(&reader)
            record = .cancelInvocation(id: try list.id(&reader))
        case .unsigned(6): record = .ping
        case .unsigned(7):
            record = .close(error: try list.optionalText(&reader), allowsReconnect: try list.flag(&reader))
        case .unsigned(8): record = .ack(try list.number(&reader))
        case .unsigned(9): record = .sequence(try list.number(&reader))
        default: record = nil
        }
        try list.skipRest(&reader)
        reader.end()
        guard reader.isAtEnd else { throw .malformed }
        return record
    }
}

/// The elements of a record that have not been read.
private struct ElementList {
    let content: ByteBuffer
    var left: Int

    private mutating func next() throws(MessagePackReader.Fault) {
        guard self.left > 0 else { throw .malformed }
        self.left -= 1
    }

    mutating func skipRest(_ reader: inout MessagePackReader) throws(MessagePackReader.Fault) {
        for _ in 0..<self.left { try reader.skip() }
        self.left = 0
    }

    /// Checks that they are a map of texts. A client of Python, aiosignalr, has the number 128 in place of an empty map, whose byte is
    /// 128.
    mutating func headers(_ reader: inout MessagePackReader) throws(MessagePackReader.Fault) {
        try self.next()
        guard reader.kind != .integer else {
            guard try reader.integer() == .unsigned(0x80) else { throw .malformed }
            return
        }
        for _ in 0..<(try reader.beginMap()) {
            _ = try reader.textBytes()
            _ = try reader.textBytes()
        }
        reader.end()
    }

    /// - Returns: nil for nil.
    mutating func optionalText(_ reader: inout MessagePackReader) throws(MessagePackReader.Fault) -> UTF8Text? {
        try self.next()
        return reader.takeNull() ? nil : try reader.text()
    }

    mutating func id(_ reader: inout MessagePackReader) throws(MessagePackReader.Fault) -> UTF8Text {
        guard let id = try self.optionalText(&reader), !id.utf8.isEmpty else { throw .malformed }
        return id
    }

    /// The next value as it was written.
    mutating func value(_ reader: inout MessagePackReader) throws(MessagePackReader.Fault) -> ByteBuffer {
        try self.next()
        return try Self.value(&reader, in: self.content)
    }

    private static func value(
        _ reader: inout MessagePackReader,
        in content: ByteBuffer
    ) throws(MessagePackReader.Fault) -> ByteBuffer {
        let start = reader.position
        try reader.skip()
        guard let value = content.getSlice(at: content.readerIndex + start, length: reader.position - start) else {
            throw .malformed
        }
        return value
    }

    mutating func number(_ reader: inout MessagePackReader) throws(MessagePackReader.Fault) -> UInt64 {
        try self.next()
        guard case .unsigned(let number) = try reader.integer() else { throw .malformed }
        return number
    }

    /// False if it is absent.
    mutating func flag(_ reader: inout MessagePackReader) throws(MessagePackReader.Fault) -> Bool {
        guard self.left > 0 else { return false }
        try self.next()
        return try reader.boolean()
    }

    mutating func outcome(_ reader: inout MessagePackReader) throws(MessagePackReader.Fault) -> SignalROutcome {
        switch try self.number(&reader) {
        case 1:
            guard let error = try self.optionalText(&reader) else { throw .malformed }
            return .error(error)
        case 2: return .void
        case 3: return .result(try self.value(&reader))
        default: throw .malformed
        }
    }

    mutating func invocation(
        _ reader: inout MessagePackReader,
        isStream: Bool
    ) throws(MessagePackReader.Fault) -> SignalRInvocation {
        try self.headers(&reader)
        let id = try self.optionalText(&reader).flatMap { $0.utf8.isEmpty ? nil : $0 }
        guard let target = try self.optionalText(&reader), !target.utf8.isEmpty, !isStream || id != nil else {
            throw .malformed
        }
        let content = self.content
        return SignalRInvocation(
            target,
            try self.list(&reader, limit: SignalRRecord.maximumArguments) { reader throws(MessagePackReader.Fault) in
                try Self.value(&reader, in: content)
            },
            id: id,
            streamIDs: self.left == 0
                ? []
                : try self.list(&reader, limit: SignalRRecord.maximumStreams) { reader throws(MessagePackReader.Fault) in
                    try reader.text()
                },
            isStream: isStream
        )
    }

    /// No elements for nil.
    private mutating func list<Element>(
        _ reader: inout MessagePackReader,
        limit: Int,
        _ element: (inout MessagePackReader) throws(MessagePackReader.Fault) -> Element
    ) throws(MessagePackReader.Fault) -> [Element] {
        try self.next()
        if reader.takeNull() { return [] }
        let count = try reader.beginList()
        guard count <= limit else { throw .malformed }
        var elements: [Element] = []
        for _ in 0..<count { elements.append(try element(&reader)) }
        reader.end()
        return elements
    }
}

// MARK: - Writing

extension SignalRRecord {
    /// The length and the list, with all elements that a client may require.
    var messagePack: ByteBuffer {
        var list = ByteBuffer()
        self.write(to: &list)
        return Self.framed(list)
    }

    /// A call of a method of clients that wants no answer.
    /// - Parameter arguments: a list of MessagePack.
    static func messagePack(calling target: UTF8Text, argumentList arguments: ByteBuffer) -> ByteBuffer {
        var list = ByteBuffer()
        list.reserveCapacity(arguments.readableBytes + target.utf8.count + 16)
        list.begin(6, type: 1)
        list.writeMessagePackMap(count: 0)
        list.writeMessagePackNull()
        list.writeMessagePack(target)
        list.writeImmutableBuffer(arguments)
        list.writeMessagePackList(count: 0)
        return self.framed(list)
    }

    private static func framed(_ list: ByteBuffer) -> ByteBuffer {
        var framed = ByteBuffer()
        framed.reserveCapacity(list.readableBytes + 5)
        var rest = UInt64(list.readableBytes)
        while rest > 0x7F {
            framed.writeInteger(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        framed.writeInteger(UInt8(rest))
        framed.writeImmutableBuffer(list)
        return framed
    }

    private func write(to list: inout ByteBuffer) {
        switch self {
        case .invocation(let invocation):
            list.begin(6, type: invocation.isStream ? 4 : 1)
            list.writeMessagePackMap(count: 0)
            list.write(optional: invocation.id)
            list.writeMessagePack(invocation.target)
            list.writeMessagePackList(count: invocation.arguments.count)
            for argument in invocation.arguments { list.writeImmutableBuffer(argument) }
            list.writeMessagePackList(count: invocation.streamIDs.count)
            for id in invocation.streamIDs { list.writeMessagePack(id) }
        case .streamItem(let id, let item):
            list.begin(4, type: 2, id)
            list.writeImmutableBuffer(item)
        case .completion(let id, .error(let error)):
            list.begin(5, type: 3, id)
            list.writeMessagePack(1 as UInt64)
            list.writeMessagePack(error)
        case .completion(let id, .void):
            list.begin(4, type: 3, id)
            list.writeMessagePack(2 as UInt64)
        case .completion(let id, .result(let result)):
            list.begin(5, type: 3, id)
            list.writeMessagePack(3 as UInt64)
            list.writeImmutableBuffer(result)
        case .cancelInvocation(let id): list.begin(3, type: 5, id)
        case .ping: list.begin(1, type: 6)
        case .close(let error, let allowsReconnect):
            list.begin(3, type: 7)
            list.write(optional: error)
            list.writeMessagePack(allowsReconnect)
        case .ack(let number):
            list.begin(2, type: 8)
            list.writeMessagePack(number)
        case .sequence(let number):
            list.begin(2, type: 9)
            list.writeMessagePack(number)
        }
    }
}

extension ByteBuffer {
    fileprivate mutating func begin(_ count: Int, type: UInt64) {
        self.writeMessagePackList(count: count)
        self.writeMessagePack(type)
    }

    /// With empty headers and an id.
    fileprivate mutating func begin(_ count: Int, type: UInt64, _ id: UTF8Text) {
        self.begin(count, type: type)
        self.writeMessagePackMap(count: 0)
        self.writeMessagePack(id)
    }

    fileprivate mutating func write(optional text: UTF8Text?) {
        if let text { self.writeMessagePack(text) } else { self.writeMessagePackNull() }
    }
}
