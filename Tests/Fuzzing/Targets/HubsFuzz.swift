import NIOCore

@testable import VolaryProtocol

enum HubsFuzz {
    private static let node = NodeID(rawValue: 1)

    /// What a call carries is JSON, and everything that a client of a hub gets is JSON.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        let hub = JSONHubProtocol()
        let text = ByteBuffer(bytes: input)
        var message = ClientMessage.text(text)
        if case .action(let action)? = try? hub.next(in: &message), case .hub(let request) = action.kind {
            try self.check(request, hub)
        }
        guard text.isWellFormedUTF8 else { return }
        try self.check(hub.encode(self.publication(.text, text)))
        if self.isJSON(text) { try self.check(hub.encode(self.publication(.json, text))) }
    }

    private static func check(_ request: HubRequest, _ hub: JSONHubProtocol) throws(FuzzFailure) {
        switch request {
        case .call(let call):
            for argument in call.arguments { try hold(self.isJSON(argument.bytes), "an argument is not JSON") }
            guard let id = call.id else { break }
            try self.check(hub.encode(.hub(.completion(id, .failure(call.target.string)))))
            try self.check(hub.encode(.hub(.invocation(id: id, target: call.target.string, arguments: call.arguments))))
        case .item(let id, let item):
            try hold(self.isJSON(item.bytes), "an item is not JSON")
            try self.check(hub.encode(.hub(.item(id, item))))
        case .completion(let id, .value(let value?)): try self.check(hub.encode(.hub(.completion(id, .value(value)))))
        case .completion(_, .failure), .completion(_, .value(nil)), .cancel: break
        case .opened: throw FuzzFailure(description: "a client without a handshake has completed one")
        }
    }

    private static func publication(_ type: Publication.DataType, _ payload: ByteBuffer) -> Publication {
        guard let hub = HubName("chat") else { preconditionFailure("a valid name") }
        return Publication(id: .random(on: self.node), kind: .message, hub: hub, dataType: type, timestamp: 0, payload: payload)
    }

    private static func check(_ message: ClientMessage?) throws(FuzzFailure) {
        guard case .text(let text)? = message else { throw FuzzFailure(description: "no text") }
        try hold(self.isJSON(text), "\(String(buffer: text)) is not JSON")
    }

    /// Objects with repeated names included. A level more than a client may send: it is an element of the node's object.
    private static func isJSON(_ text: ByteBuffer) -> Bool {
        do throws(JSONScanner.Fault) {
            try JSONScanner.scan(text) { scanner throws(JSONScanner.Fault) in try scanner.skip() }
            return true
        } catch {
            return error == .tooDeep
        }
    }

    static var seeds: [[UInt8]] {
        [
            #"{"id":1,"call":"say","args":["hi",{"a":[1,2.5,null]}]}"#, #"{"call":"x","id":"a","streams":["s",2],"args":[]}"#,
            #"{"stream":"s","item":{"a":1}}"#, #"{"stream":2,"end":true}"#, #"{"stream":2,"error":"\u00e9"}"#, #"{"cancel":1}"#,
            #"{"answer":"volary-1","result":[true]}"#, #"{"target":"message","arguments":["ann","hi"]}"#,
            #"{"target":"m","arguments":[],"more":1}"#, "text",
        ].map { Array($0.utf8) }
    }
}
