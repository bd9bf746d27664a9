import NIOCore

@testable import VolaryProtocol

enum PubSubFuzz {
    private static let id = ConnectionID("a1b2c3d400000000000000000a0b0c0d")

    /// A message that is accepted arrives unchanged, and everything that a session writes is JSON.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        let text = ByteBuffer(bytes: input)
        if let request = try? PubSubRequest(parsing: text) {
            try hold((try? JSONValue(parsing: text)) != nil || self.hasRepeatedName(text), "\(request) is not of JSON")
            switch request {
            case .sendToGroup(let send, _):
                try self.checkMessage(PubSubMessage(from: .group(send.group, user: "ann"), send.payload, metadata: send.metadata))
            case .event(let event, _):
                try self.checkMessage(PubSubMessage(from: .server, event.payload, metadata: event.metadata))
            case .joinGroup, .leaveGroup, .ping, .sequenceAck: break
            }
        }
        guard let id = self.id, let permissions = GroupPermissions(roles: ["webpubsub.sendToGroups.a*"]) else { return }
        let facts = SessionFacts(id: id, user: nil, path: "/", subprotocol: nil, permissions: permissions)
        for isReliable in [false, true] {
            let session = JSONPubSubProtocol(isReliable: isReliable).makeSession(facts)
            for result in [ActionResult.failure(.failed), .success(())] { try self.step(text, session, result) }
            try self.step(text, session, .success(()))
        }
    }

    private static func step(_ text: ByteBuffer, _ session: any ClientSession, _ result: ActionResult) throws(FuzzFailure) {
        var message = ClientMessage.text(text)
        switch try? session.next(in: &message) {
        case .reply(.text(let reply)): try hold((try? JSONValue(parsing: reply)) != nil, "\(String(buffer: reply)) is not JSON")
        case .action(let action):
            guard let told = session.encode(.result(result, ackID: action.ackID, timestamp: 0)) else { break }
            try hold((try? JSONValue(parsing: told.bytes)) != nil, "\(String(buffer: told.bytes)) is not JSON")
        case .reply(.binary), .wait: throw FuzzFailure(description: "a binary reply, or a message that waits for nothing")
        case .acknowledged, .nothing, nil: break
        }
    }

    private static func checkMessage(_ message: PubSubMessage) throws(FuzzFailure) {
        let encoded = message.encoded()
        guard let value = (try? JSONValue(parsing: encoded)) ?? (self.hasRepeatedName(encoded) ? .null : nil) else {
            throw FuzzFailure(description: "\(String(buffer: encoded)) is not JSON")
        }
        if value == .null { return }
        let bytes = message.payload.bytes
        let data: JSONValue? =
            switch message.payload.dataType {
            case .text: .text(UTF8Text(String(buffer: bytes)))
            case .json: try? JSONValue(parsing: bytes)
            case .binary, .protobuf:
                value["data"]?.text.flatMap { Base64.decode(ByteBuffer(string: $0.string)) } == bytes ? value["data"] : nil
            }
        try hold(value["data"] == data && data != nil, "\(message.payload) is another value in \(String(buffer: encoded))")
        if case .group(let group, _) = message.source {
            try hold(value["group"] == .text(UTF8Text(group.text)), "\(group) is another group")
        }
        for entry in message.metadata.entries {
            try hold(value["metadata"]?[entry.key] == .text(entry.value), "\(entry) is another entry")
        }
    }

    /// `JSONValue` refuses objects with a repeated name. In the data of a message they are passed on.
    private static func hasRepeatedName(_ text: ByteBuffer) -> Bool {
        do throws(JSONScanner.Fault) {
            _ = try JSONValue(parsing: text)
            return false
        } catch {
            if case .duplicate = error { return true }
            return false
        }
    }

    static var seeds: [[UInt8]] {
        [
            #"{"type":"joinGroup","group":"a","ackId":1}"#,
            #"{"type":"leaveGroup","group":"lobby","ackId":18446744073709551615}"#,
            #"{"type":"sendToGroup","group":"ab","dataType":"text","data":"h\u00ef\n","noEcho":true,"ackId":2,"ttlSeconds":300}"#,
            #"{"type":"sendToGroup","group":"a","data":{"a":[1.50,null]},"metadata":{"Trace":"x\"y"}}"#,
            #"{"type":"event","event":"order.placed","dataType":"binary","data":"AP8=","ackId":3}"#, #"{"type":"ping"}"#,
            #"{"type":"event","event":"e","dataType":"protobuf","data":"CgE="}"#, #"{"type":"sequenceAck","sequenceId":41}"#,
        ].map { Array($0.utf8) }
    }
}
