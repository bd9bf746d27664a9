import NIOCore

/// A message of a client of ``JSONHubProtocol``.
struct JSONHubRecord {
    let request: HubRequest

    /// The members that have a meaning. They are read first, because those that say what the message is may come last.
    private struct Members {
        var id: AckID?
        var call: UTF8Text?
        var arguments: [HubData] = []
        var streams: [AckID] = []
        var stream: AckID?
        var item: HubData?
        var isEnd = false
        var error: UTF8Text?
        var cancel: AckID?
        var answer: AckID?
        var result: HubData?
    }

    /// - Throws: for a message that is none of the client's, or that has a member with a value of another kind.
    init(_ text: ByteBuffer) throws(ProtocolViolation) {
        do throws(JSONScanner.Fault) {
            self.request = try Self.request(try Self.members(of: text))
        } catch {
            throw .hubRecord
        }
    }

    private static func request(_ members: Members) throws(JSONScanner.Fault) -> HubRequest {
        if let target = members.call {
            return .call(
                HubRequest.Call(
                    .either,
                    id: members.id,
                    target: target,
                    arguments: members.arguments,
                    uploads: members.streams
                )
            )
        }
        if let stream = members.stream {
            if let item = members.item { return .item(stream, item) }
            if let error = members.error { return .completion(stream, .failure(error)) }
            if members.isEnd { return .completion(stream, .value(nil)) }
        }
        if let id = members.cancel { return .cancel(id) }
        if let answer = members.answer {
            return .completion(answer, members.error.map { .failure($0) } ?? .value(members.result))
        }
        throw .malformed
    }

    private static func members(of text: ByteBuffer) throws(JSONScanner.Fault) -> Members {
        try JSONScanner.scan(text) { scanner throws(JSONScanner.Fault) in
            var members = Members()
            guard try scanner.beginObject() else { return members }
            repeat {
                let name = try scanner.name()
                switch name {
                case "id": members.id = try Self.id(&scanner, text)
                case "call":
                    guard scanner.kind == .text else { throw .malformed }
                    members.call = try scanner.string()
                case "args":
                    members.arguments = try Self.list(&scanner) { scanner throws(JSONScanner.Fault) in
                        try Self.value(&scanner, text)
                    }
                case "streams":
                    members.streams = try Self.list(&scanner) { scanner throws(JSONScanner.Fault) in try Self.id(&scanner, text) }
                case "stream": members.stream = try Self.id(&scanner, text)
                case "item": members.item = try Self.value(&scanner, text)
                case "result": members.result = try Self.value(&scanner, text)
                case "end":
                    members.isEnd = scanner.kind == .boolean && scanner.next == UInt8(ascii: "t")
                    try scanner.skip()
                case "error":
                    guard scanner.kind == .text else { throw .malformed }
                    members.error = try scanner.string()
                case "cancel": members.cancel = try Self.id(&scanner, text)
                case "answer": members.answer = try Self.id(&scanner, text)
                default: try scanner.skip()
                }
            } while try scanner.nextMember()
            return members
        }
    }

    /// Most calls have a few elements; more than 1,000 are refused.
    private static func list<Element>(
        _ scanner: inout JSONScanner,
        _ element: (inout JSONScanner) throws(JSONScanner.Fault) -> Element
    ) throws(JSONScanner.Fault) -> [Element] {
        var list: [Element] = []
        guard try scanner.beginList() else { return list }
        repeat {
            guard list.count < 1000 else { throw .malformed }
            list.append(try element(&scanner))
        } while try scanner.nextElement()
        return list
    }

    private static func value(_ scanner: inout JSONScanner, _ text: ByteBuffer) throws(JSONScanner.Fault) -> HubData {
        HubData(.json, try self.raw(&scanner, text))
    }

    private static func raw(_ scanner: inout JSONScanner, _ text: ByteBuffer) throws(JSONScanner.Fault) -> ByteBuffer {
        _ = scanner.next
        let start = scanner.position
        try scanner.skip()
        guard let raw = text.getSlice(at: text.readerIndex + start, length: scanner.position - start) else { throw .malformed }
        return raw
    }

    private static func id(_ scanner: inout JSONScanner, _ text: ByteBuffer) throws(JSONScanner.Fault) -> AckID {
        switch scanner.kind {
        case .text:
            guard let id = AckID(try scanner.string()) else { throw .malformed }
            return id
        case .number:
            let digits = try self.raw(&scanner, text)
            guard let number = digits.withUnsafeReadableBytes({ UInt64(decimal: $0) }) else { throw .malformed }
            return .number(number)
        default: throw .malformed
        }
    }
}
