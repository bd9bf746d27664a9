import NIOCore

@testable import VolaryProtocol

enum SignalRFuzz {
    private static let maximumBytes = 1024

    /// Records are the same wherever the bytes are cut, a record that is read is read again after it is written, and its values have the
    /// same form in the other encoding after a way there and back.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        let (whole, parts) = parts(of: input)
        for encoding in SignalREncoding.allCases {
            let records = try self.records(encoding, [ByteBuffer(bytes: whole)])
            let cut = try self.records(encoding, parts.map { ByteBuffer(bytes: $0) })
            try hold(records == cut, "\(records) in one piece, \(cut) in \(parts.count)")
            for content in records { try self.check(content, encoding) }
        }
        _ = try? SignalRHandshake(parsing: ByteBuffer(bytes: whole))
        if let json = try? MessagePackJSON.json(of: ByteBuffer(bytes: whole)) {
            try hold((try? MessagePackJSON.messagePack(of: json)) != nil, "\(String(buffer: json)) is not JSON")
        }
        if let packed = try? MessagePackJSON.messagePack(of: ByteBuffer(bytes: whole)) {
            try hold((try? MessagePackJSON.json(of: packed)) != nil, "\(packed) is not MessagePack")
        }
    }

    private static func records(_ encoding: SignalREncoding, _ parts: [ByteBuffer]) throws(FuzzFailure) -> [ByteBuffer] {
        var splitter = SignalRRecordSplitter(maximumBytes: self.maximumBytes)
        var records: [ByteBuffer] = []
        for part in parts {
            var bytes = part
            while bytes.readableBytes > 0 {
                let before = bytes.readableBytes
                do throws(ProtocolViolation) {
                    if let record = try splitter.next(encoding, in: &bytes) { records.append(record) }
                } catch {
                    return records
                }
                try hold(bytes.readableBytes < before, "nothing was read")
            }
        }
        return records
    }

    private static func check(_ content: ByteBuffer, _ encoding: SignalREncoding) throws(FuzzFailure) {
        try hold(content.readableBytes <= self.maximumBytes, "a record of \(content.readableBytes) bytes")
        guard case .some(.some(let record)) = try? encoding.record(content) else { return }
        let again = try self.records(encoding, [encoding.encode(record)]).first
        // What is written may be longer than what was read, because escapes have one form.
        guard let again else { return }
        guard case .some(.some(let copy)) = try? encoding.record(again) else {
            throw FuzzFailure(description: "\(record) is not read again")
        }
        try hold(encoding.encode(copy) == encoding.encode(record), "\(record) becomes \(copy)")
    }

    static var seeds: [[UInt8]] {
        let texts = [
            #"{"protocol":"json","version":1}"#, #"{"type":6}"#,
            #"{"type":1,"target":"Send","arguments":[1,"a",{"b":[2.5]}],"invocationId":"7","streamIds":["8"],"headers":{"x":"y"}}"#,
            #"{"type":2,"invocationId":"1","item":null}"#, #"{"type":3,"invocationId":"1","error":"e"}"#,
            #"{"type":7,"error":"e","allowReconnect":true}"#, #"{"type":9,"sequenceId":3}"#,
        ].map { [7] + Array($0.utf8) + [0x1E] }
        let packed: [[UInt8]] = [
            [0x91, 0x06], [0x96, 0x01, 0x80, 0xA1, 0x37, 0xA1, 0x6D, 0x92, 0x01, 0xA1, 0x61, 0x91, 0xA1, 0x38],
            [0x94, 0x02, 0x80, 0xA1, 0x35, 0x90],
            [0x95, 0x03, 0x81, 0xA1, 0x61, 0xA1, 0x62, 0xA1, 0x35, 0x03, 0xCB, 0, 0, 0, 0, 0, 0, 0, 0],
            [0x93, 0x07, 0xA1, 0x65, 0xC3], [0x92, 0x08, 0xCD, 0x01, 0x00], [0x81, 0xA1, 0x61, 0xD6, 0xFF, 0, 0, 0, 1],
        ].map { [9, UInt8($0.count)] + $0 }
        return texts + packed + [[0] + texts.joined(), [200] + packed.joined()]
    }
}
