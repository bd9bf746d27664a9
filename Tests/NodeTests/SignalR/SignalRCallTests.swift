import Foundation
import NIOCore
import TestSupport
import Testing

@testable import VolaryNode
@testable import VolaryProtocol

/// Calls of SignalR's clients on one node, in both encodings.
@Suite(.serialized)
struct SignalRCallTests {
    private static func with(
        _ encoding: SignalREncoding,
        _ options: [ConfigurationOption: String] = [:],
        _ body: (APITestNode, SignalRClient) async throws -> Void
    ) async throws {
        try await APITestNode.with(1, options, makeHubs: SignalRHub.served) { nodes in
            try await body(nodes[0], try await SignalRClient.connect(nodes[0], encoding).client)
        }
    }

    @Test(arguments: SignalREncoding.allCases)
    func `A call is answered with its result, one without an id is not`(encoding: SignalREncoding) async throws {
        try await Self.with(encoding) { _, client in
            try client.send(#"{"type":1,"target":"Echo","arguments":["unheard"]}"#)
            try client.send(#"{"type":1,"target":"Nothing","arguments":[]}"#)
            try client.send(#"{"type":1,"target":"Echo","arguments":[{"a":[1,"ü",null,2.5]}],"invocationId":"1"}"#)
            await client.expect(.result("1", #"{"a":[1,"ü",null,2.5]}"#))
            #expect(client.records().count == 1)
        }
    }

    @Test(arguments: SignalREncoding.allCases)
    func `A failed call is answered in SignalR's words, without internals`(encoding: SignalREncoding) async throws {
        try await Self.with(encoding) { _, client in
            let calls: [(String, UTF8Text)] = [
                (
                    #"{"type":1,"target":"Fail","arguments":[],"invocationId":"1"}"#,
                    "An unexpected error occurred invoking 'Fail' on the server."
                ),
                (#"{"type":1,"target":"Nothing","arguments":[],"invocationId":"2"}"#, "Unknown hub method 'Nothing'"),
                (
                    #"{"type":1,"target":"Broadcast","arguments":[7],"invocationId":"3"}"#,
                    "Failed to invoke 'Broadcast' due to an error on the server."
                ),
                (
                    #"{"type":1,"target":"Count","arguments":[1],"invocationId":"4"}"#,
                    "The client attempted to invoke the streaming 'Count' method with a non-streaming invocation."
                ),
                (
                    #"{"type":4,"target":"Echo","arguments":[1],"invocationId":"5"}"#,
                    "The client attempted to invoke the non-streaming 'Echo' method with a streaming invocation."
                ),
                (
                    #"{"type":1,"target":"Sum","arguments":[],"invocationId":"6"}"#,
                    "Client sent 0 stream(s), Hub method expects 1."
                ),
            ]
            for (index, (call, error)) in calls.enumerated() {
                try client.send(call)
                await client.expect(.completion(id: UTF8Text("\(index + 1)"), .error(error)))
            }
            #expect(!client.socket.frames.contains { "\($0)".contains("the-secret") })
        }
    }

    @Test(arguments: SignalREncoding.allCases)
    func `A stream has its items in order and an end without a result`(encoding: SignalREncoding) async throws {
        try await Self.with(encoding) { _, client in
            try client.send(#"{"type":4,"target":"Count","arguments":[5],"invocationId":"s"}"#)
            await client.expect(.completion(id: "s", .void))
            #expect(client.records() == (1...5).map { .item("s", "\($0)") } + [.completion(id: "s", .void)])
        }
    }

    @Test(arguments: SignalREncoding.allCases)
    func `A stream that is canceled ends without an error, and calls run beside it`(encoding: SignalREncoding) async throws {
        try await Self.with(encoding) { _, client in
            try client.send(#"{"type":4,"target":"Count","arguments":[1000000000],"invocationId":"s"}"#)
            await client.expect(.item("s", "12"))
            try client.send(#"{"type":1,"target":"Echo","arguments":[1],"invocationId":"e"}"#)
            await client.expect(.result("e", "1"))
            try client.send(#"{"type":5,"invocationId":"s"}"#)
            await client.expect(.completion(id: "s", .void))
        }
    }

    @Test(arguments: SignalREncoding.allCases)
    func `A client streams items to a method`(encoding: SignalREncoding) async throws {
        try await Self.with(encoding) { _, client in
            try client.send(#"{"type":1,"target":"Sum","arguments":[],"streamIds":["u"],"invocationId":"1"}"#)
            for number in 1...40 { try client.send(#"{"type":2,"invocationId":"u","item":\#(number)}"#) }
            try client.send(#"{"type":3,"invocationId":"u"}"#)
            await client.expect(.result("1", "820"))
            // Ended and unknown streams have no effect.
            try client.send(#"{"type":2,"invocationId":"u","item":1}"#)
            try client.send(#"{"type":3,"invocationId":"unknown","error":"e"}"#)
            try client.send(#"{"type":1,"target":"Echo","arguments":[1],"invocationId":"e"}"#)
            await client.expect(.result("e", "1"))
        }
    }

    @Test(arguments: SignalREncoding.allCases)
    func `The hub asks a client and gets its result`(encoding: SignalREncoding) async throws {
        try await Self.with(encoding) { _, client in
            try client.send(#"{"type":1,"target":"AskCaller","arguments":["confirm","Sure?"],"invocationId":"1"}"#)
            var asked: SignalRInvocation?
            #expect(
                await eventually {
                    for case .invocation(let call) in client.records() { asked = call }
                    return asked != nil
                }
            )
            let call = try #require(asked)
            #expect(call.target == "confirm")
            #expect(call.arguments == [ByteBuffer(string: "\"Sure?\"")])
            try client.send(#"{"type":3,"invocationId":"\#(try #require(call.id))","result":[true]}"#)
            await client.expect(.result("1", "[true]"))
        }
    }

    @Test(arguments: SignalREncoding.allCases)
    func `A malformed record ends the connection with a Close record that does not invite`(encoding: SignalREncoding) async throws
    {
        try await Self.with(encoding) { _, client in
            switch encoding {
            case .json: client.write("{\"type\":1}\u{1E}")
            case .messagePack: client.socket.write(ClientFrame.binary([0x01, 0xC1]))
            }
            await client.expect(.close(error: "Connection closed with an error.", allowsReconnect: false))
            #expect(await eventually { client.socket.isClosed })
        }
    }

    @Test(arguments: [(nil, 32 * 1024), ("1KiB", 1024), ("256KiB", 256 * 1024)] as [(option: String?, bytes: Int)])
    func `A record above the limit ends the connection, one of the limit does not`(option: String?, bytes: Int) async throws {
        try await Self.with(.json, option.map { [.maximumRecord: $0] } ?? [:]) { _, client in
            let frame = #"{"type":1,"target":"Echo","arguments":[""],"invocationId":"1"}"#
            let fits = String(repeating: "x", count: bytes - frame.utf8.count)
            try client.send(frame.replacing("\"\"", with: "\"\(fits)\""))
            await client.expect(.result("1", "\"\(fits)\""))
            try client.send(frame.replacing("\"\"", with: "\"\(fits)x\""))
            await client.expect(.close(error: "Connection closed with an error.", allowsReconnect: false))
        }
    }

    @Test(arguments: SignalREncoding.allCases)
    func `Ten thousand calls at once are all answered, in their order`(encoding: SignalREncoding) async throws {
        try await Self.with(encoding) { _, client in
            for number in 0..<10_000 {
                try client.send(#"{"type":1,"target":"Echo","arguments":[\#(number)],"invocationId":"\#(number)"}"#)
            }
            #expect(await eventually { client.socket.frames.count > 10_000 })
            #expect(client.records() == (0..<10_000).map { .result(UTF8Text("\($0)"), "\($0)") })
        }
    }

    @Test(arguments: SignalREncoding.allCases, [(nil, 100), ("2", 2)] as [(option: String?, streams: Int)])
    func `A hundred streams of a client may be open, in both directions together, and another one fails`(
        encoding: SignalREncoding,
        limit: (option: String?, streams: Int)
    ) async throws {
        try await Self.with(encoding, limit.option.map { [.hubStreams: $0] } ?? [:]) { _, client in
            let sum = #""type":1,"target":"Sum","arguments":[],"streamIds""#
            for number in 1..<limit.streams { try client.send("{\(sum):[\"u\(number)\"],\"invocationId\":\"\(number)\"}") }
            try client.send(#"{"type":4,"target":"Count","arguments":[1000000000],"invocationId":"s"}"#)
            for call in [#""type":4,"target":"Count","arguments":[1]"#, sum + #":["u"]"#] {
                try client.send("{\(call),\"invocationId\":\"more\"}")
            }
            #expect(
                await eventually {
                    client.records().count { if case .completion(id: "more", .error) = $0 { true } else { false } } == 2
                }
            )
            // One more when one has ended.
            try client.send(#"{"type":5,"invocationId":"s"}"#)
            await client.expect(.completion(id: "s", .void))
            try client.send(#"{"type":4,"target":"Count","arguments":[1],"invocationId":"last"}"#)
            await client.expect(.completion(id: "last", .void))
        }
    }

    @Test(arguments: [(nil, 100), ("2", 2)] as [(option: String?, calls: Int)])
    func `A hundred calls of a client may be unanswered, and another one fails`(option: String?, calls: Int) async throws {
        try await Self.with(.json, option.map { [.hubClientResults: $0] } ?? [:]) { _, client in
            try client.send(#"{"type":4,"target":"AskTogether","arguments":[\#(calls + 1)],"invocationId":"1"}"#)
            await client.expect(.streamItem(id: "1", item: ByteBuffer(string: #""refused""#)))
            let asked = { client.records().count { if case .invocation = $0 { true } else { false } } }
            #expect(await eventually { asked() == calls })
            #expect(client.records().count == calls + 1)
        }
    }

    @Test func `A client's Close record ends the connection without an answer`() async throws {
        try await Self.with(.json) { _, client in
            try client.send(#"{"type":7}"#)
            #expect(await eventually { client.socket.isClosed })
            #expect(client.records().isEmpty)
            #expect(client.socket.frames.contains(.close(1000, "")))
        }
    }

    @Test func `A drain invites clients to another node`() async throws {
        try await Self.with(.json) { node, client in
            async let stop: Void = node.stop()
            await client.expect(.close(error: "the node is going away", allowsReconnect: true))
            try await stop
        }
    }
}
