import NIOCore

/// Reads a record of JSON. Members may be in any order, unknown ones are skipped, and of doubles the last one counts.
extension SignalRRecord {
    /// - Returns: nil for an unknown type.
    static func parse(json: ByteBuffer) throws(ProtocolViolation) -> SignalRRecord? {
        do throws(JSONScanner.Fault) {
            return try SignalRMembers(json).record()
        } catch {
            throw .signalRMalformed
        }
    }
}

/// The members of a record that have a meaning. They are read when all are found, because `type` may be the last of them.
private struct SignalRMembers {
    private enum Name {
        case type
        case target
        case invocationID
        case arguments
        case streamIDs
        case item
        case result
        case error
        case allowReconnect
        case sequenceID
        case headers

        init?(_ text: UTF8Text) {
            switch text {
            case "type": self = .type
            case "target": self = .target
            case "invocationId": self = .invocationID
            case "arguments": self = .arguments
            case "streamIds": self = .streamIDs
            case "item": self = .item
            case "result": self = .result
            case "error": self = .error
            case "allowReconnect": self = .allowReconnect
            case "sequenceId": self = .sequenceID
            case "headers": self = .headers
            default: return nil
            }
        }
    }

    private let json: ByteBuffer
    private var type: UInt64?
    private var target: UTF8Text?
    private var id: UTF8Text?
    private var arguments: [ByteBuffer]?
    private var streamIDs: [UTF8Text] = []
    private var item: ByteBuffer?
    private var result: ByteBuffer?
    private var error: UTF8Text?
    private var allowsReconnect = false
    private var sequenceID: UInt64?

    private init(of json: ByteBuffer) {
        self.json = json
    }

    init(_ json: ByteBuffer) throws(JSONScanner.Fault) {
        self = try JSONScanner.scan(json) { scanner throws(JSONScanner.Fault) in
            var members = SignalRMembers(of: json)
            guard try scanner.beginObject() else { return members }
            repeat {
                guard let name = Name(try scanner.name()) else {
                    try scanner.skip()
                    continue
                }
                try members.read(name, &scanner)
            } while try scanner.nextMember()
            return members
        }
    }

    private mutating func read(_ name: Name, _ scanner: inout JSONScanner) throws(JSONScanner.Fault) {
        switch name {
        case .type: self.type = try self.wholeNumber(&scanner)
        case .target: self.target = try scanner.string()
        case .invocationID: self.id = try Self.optional(&scanner)
        case .arguments:
            var arguments: [ByteBuffer] = []
            if try scanner.beginList() {
                repeat {
                    guard arguments.count < SignalRRecord.maximumArguments else { throw .malformed }
                    arguments.append(try self.value(&scanner))
                } while try scanner.nextElement()
            }
            self.arguments = arguments
        case .streamIDs: self.streamIDs = try Self.texts(&scanner)
        case .item: self.item = try self.value(&scanner)
        case .result: self.result = try self.value(&scanner)
        case .error: self.error = try Self.optional(&scanner)
        case .allowReconnect:
            guard scanner.kind == .boolean || scanner.kind == .null else { throw .malformed }
            self.allowsReconnect = scanner.next == UInt8(ascii: "t")
            try scanner.skipWord()
        case .sequenceID: self.sequenceID = try self.wholeNumber(&scanner)
        case .headers:
            guard scanner.kind == .object || scanner.kind == .null else { throw .malformed }
            try scanner.skip()
        }
    }

    /// - Returns: nil for null.
    private static func optional(_ scanner: inout JSONScanner) throws(JSONScanner.Fault) -> UTF8Text? {
        guard scanner.kind == .null else { return try scanner.string() }
        try scanner.skipWord()
        return nil
    }

    private static func texts(_ scanner: inout JSONScanner) throws(JSONScanner.Fault) -> [UTF8Text] {
        guard scanner.kind != .null else {
            try scanner.skipWord()
            return []
        }
        var texts: [UTF8Text] = []
        guard try scanner.beginList() else { return texts }
        repeat {
            guard texts.count < SignalRRecord.maximumStreams else { throw .malformed }
            texts.append(try scanner.string())
        } while try scanner.nextElement()
        return texts
    }

    /// The next value as it was written.
    private func value(_ scanner: inout JSONScanner) throws(JSONScanner.Fault) -> ByteBuffer {
        // Goes to the first byte of the value.
        guard scanner.next != nil else { throw .malformed }
        let start = scanner.position
        try scanner.skip()
        guard let value = self.json.getSlice(at: self.json.readerIndex + start, length: scanner.position - start) else {
            throw .malformed
        }
        return value
    }

    private func wholeNumber(_ scanner: inout JSONScanner) throws(JSONScanner.Fault) -> UInt64 {
        let digits = try self.value(&scanner)
        guard let number = digits.withUnsafeReadableBytes({ UInt64(decimal: $0) }) else { throw .malformed }
        return number
    }

    // MARK: - The record

    func record() throws(JSONScanner.Fault) -> SignalRRecord? {
        switch self.type {
        case 1: .invocation(try self.invocation(isStream: false))
        case 2: .streamItem(id: try self.requiredID(), item: try Self.required(self.item))
        case 3: .completion(id: try self.requiredID(), try self.outcome())
        case 4: .invocation(try self.invocation(isStream: true))
        case 5: .cancelInvocation(id: try self.requiredID())
        case 6: .ping
        case 7: .close(error: self.error, allowsReconnect: self.allowsReconnect)
        case 8: .ack(try Self.required(self.sequenceID))
        case 9: .sequence(try Self.required(self.sequenceID))
        case nil: throw .malformed
        default: nil
        }
    }

    private func invocation(isStream: Bool) throws(JSONScanner.Fault) -> SignalRInvocation {
        let target = try Self.required(self.target)
        guard !target.utf8.isEmpty else { throw .malformed }
        return SignalRInvocation(
            target,
            try Self.required(self.arguments),
            id: isStream ? try self.requiredID() : self.id.flatMap { $0.utf8.isEmpty ? nil : $0 },
            streamIDs: self.streamIDs,
            isStream: isStream
        )
    }

    private func outcome() throws(JSONScanner.Fault) -> SignalROutcome {
        guard let error else { return self.result.map(SignalROutcome.result) ?? .void }
        guard self.result == nil else { throw .malformed }
        return .error(error)
    }

    private func requiredID() throws(JSONScanner.Fault) -> UTF8Text {
        let id = try Self.required(self.id)
        guard !id.utf8.isEmpty else { throw .malformed }
        return id
    }

    private static func required<Value>(_ value: Value?) throws(JSONScanner.Fault) -> Value {
        guard let value else { throw .malformed }
        return value
    }
}

// MARK: - Writing

extension SignalRRecord {
    /// A call of a method of clients that wants no answer.
    /// - Parameter list: a JSON list.
    static func json(calling target: UTF8Text, argumentList list: ByteBuffer) -> ByteBuffer {
        let size = 32 + JSONEscaping.count(of: target.string) + list.readableBytes
        var json = FrameEncoder.buffer(capacity: size)
        json.write(atMost: size) { writer in
            writer.write(#"{"type":1,"target":""#)
            JSONEscaping.write(target.string, to: &writer)
            writer.write(#"","arguments":"#)
            writer.write(list)
            writer.write("}\u{1E}")
        }
        return json
    }

    /// The JSON text and its separator. Only members that every client knows.
    var json: ByteBuffer {
        var json = ByteBuffer()
        switch self {
        case .invocation(let invocation):
            json.writeString(invocation.isStream ? #"{"type":4"# : #"{"type":1"#)
            if let id = invocation.id { json.writeMember(#","invocationId":"#, id) }
            json.writeMember(#","target":"#, invocation.target)
            json.writeStaticString(#","arguments":["#)
            for (index, argument) in invocation.arguments.enumerated() {
                if index > 0 { json.writeStaticString(",") }
                json.writeImmutableBuffer(argument)
            }
            json.writeStaticString("]")
            if !invocation.streamIDs.isEmpty {
                json.writeStaticString(#","streamIds":["#)
                for (index, id) in invocation.streamIDs.enumerated() { json.writeMember(index > 0 ? "," : "", id) }
                json.writeStaticString("]")
            }
        case .streamItem(let id, let item):
            json.writeMember(#"{"type":2,"invocationId":"#, id)
            json.writeStaticString(#","item":"#)
            json.writeImmutableBuffer(item)
        case .completion(let id, let outcome):
            json.writeMember(#"{"type":3,"invocationId":"#, id)
            switch outcome {
            case .void: break
            case .result(let result):
                json.writeStaticString(#","result":"#)
                json.writeImmutableBuffer(result)
            case .error(let error): json.writeMember(#","error":"#, error)
            }
        case .cancelInvocation(let id): json.writeMember(#"{"type":5,"invocationId":"#, id)
        case .ping: json.writeStaticString(#"{"type":6"#)
        case .close(let error, let allowsReconnect):
            json.writeStaticString(#"{"type":7"#)
            if let error { json.writeMember(#","error":"#, error) }
            if allowsReconnect { json.writeStaticString(#","allowReconnect":true"#) }
        case .ack(let number): json.writeString(#"{"type":8,"sequenceId":\#(number)"#)
        case .sequence(let number): json.writeString(#"{"type":9,"sequenceId":\#(number)"#)
        }
        json.writeStaticString("}")
        json.writeInteger(SignalREncoding.separator)
        return json
    }
}

extension ByteBuffer {
    fileprivate mutating func writeMember(_ name: StaticString, _ text: UTF8Text) {
        self.writeStaticString(name)
        self.writeJSON(text: text)
    }
}
