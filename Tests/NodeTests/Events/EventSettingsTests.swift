import Foundation
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Hubs and their event handlers, in a file and in options.
@Suite
struct EventSettingsTests {
    private static func event(_ name: String) throws -> EventName { try #require(EventName(UTF8Text(name))) }

    @Test(arguments: [
        ("https://app.example.org/api/{hub}/{event}", "https://app.example.org/api/chat/order.placed"),
        ("http://h:8081?e={EVENT}&h={Hub}", "http://h:8081?e=order.placed&h=chat"), ("HTTPS://[::1]:1/x", "HTTPS://[::1]:1/x"),
        ("http://h", "http://h"),
    ])
    func `Names take the places of {hub} and {event}`(template: String, url: String) throws {
        let template = try #require(EventURL(template))
        #expect(template.text(hub: "Chat", event: "order.placed") == url)
    }

    @Test func `Names are percent-encoded`() throws {
        let template = try #require(EventURL("http://h/{hub}/{event}"))
        #expect(template.text(hub: "a[b`,]", event: "e") == "http://h/a%5Bb%60%2C%5D/e")
    }

    @Test(arguments: [
        "", "h", "/x", "http://", "http:///x", "ftp://h/x", "http://u@h/", "http://u:p@h/", "http://{hub}/", "http://h{event}/",
        "http://h/#x", "http://h/ä", "http://h/a b", "http://h/{user}", "http://h/{hub", "http://h/hub}", "http://h/a\r\nx",
        "http://h:0/", "http://h/" + String(repeating: "a", count: 2048),
    ])
    func `No URL of a handler`(text: String) {
        #expect(EventURL(text) == nil)
    }

    @Test(arguments: [
        ("*", ["a", "message"], []), ("", [], ["a", "message"]), ("message", ["message", "Message"], ["messages", "a"]),
        ("a, B.c", ["A", "b.C"], ["a.b", "b"]),
    ])
    func `A pattern matches names in any case`(text: String, matching: [String], others: [String]) throws {
        let pattern = try #require(UserEventPattern(text))
        #expect(try matching.map(Self.event).allSatisfy(pattern.matches))
        #expect(try !others.map(Self.event).contains(where: pattern.matches))
    }

    @Test(arguments: ["a,", ",a", "a,*", "1", "a b", "ä"])
    func `No pattern`(text: String) { #expect(UserEventPattern(text) == nil) }

    // MARK: - The file

    @Test func `The example in deploy is valid, and shows every member`() throws {
        let file = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../deploy/hubs.json").standardized
        let data = try Data(contentsOf: file)
        let table = try HubTable(parsing: data)
        let chat = try #require(table.hubs["chat"])
        #expect(table.hubs["meters"]?.routes.first?.path.match(target: "/meters/4711").user == "4711")
        #expect(chat.handlers.count == 2)
        #expect(chat.handler(of: .connect)?.systemEvents == Set(SystemEvent.allCases))
        let (known, other) = (try Self.event("order.placed"), try Self.event("other"))
        #expect(chat.handler(of: known) == chat.handlers[1] && chat.handler(of: other) == nil)
        let text = String(decoding: data, as: UTF8.self)
        let members = [
            "comment", "anonymous-clients", "max-requests", "url", "user-events", "system-events", "authorization", "routes",
            "path",
            "protocol", "subprotocols",
        ]
        for member in members { #expect(text.contains("\"\(member)\":"), "\(member)") }
    }

    @Test(arguments: [
        ("", "the file is not valid JSON"), ("[]", "the file must be an object"), ("{}", "\"hubs\" is missing"),
        (#"{"hub": {}}"#, #"hub is not known; did you mean "hubs"?"#), (#"{"hubs": []}"#, "hubs must be an object"),
        (#"{"hubs": {"1": {}}}"#, "hubs.1: the name of a hub \(HubName.rule)"),
        (#"{"hubs": {"a": {}, "A": {}}}"#, "hubs.A: this hub appears twice, in upper and lower case"),
        (#"{"hubs": {"a": {}, "a": {}}}"#, "\"a\" appears twice"), (#"{"hubs": {"a": 1}}"#, "hubs.a must be an object"),
        (#"{"hubs": {"a": {"handler": []}}}"#, #"hubs.a.handler is not known; did you mean "handlers"?"#),
        (#"{"hubs": {"a": {"anonymous-clients": "on"}}}"#, "hubs.a.anonymous-clients must be true or false"),
        (#"{"hubs": {"a": {"max-requests": 0}}}"#, "hubs.a.max-requests must be a whole number from 1 to 10000"),
        (#"{"hubs": {"a": {"max-requests": 1.5}}}"#, "hubs.a.max-requests must be a whole number from 1 to 10000"),
        (#"{"hubs": {"a": {"handlers": [{}]}}}"#, "hubs.a.handlers[0].url is missing; it \(EventURL.rule)"),
        (#"{"hubs": {"a": {"handlers": [{"url": "h"}]}}}"#, "hubs.a.handlers[0].url \(EventURL.rule)"),
        (
            #"{"hubs": {"a": {"handlers": [{"url": "http://h"}, {"url": "http://h", "user-events": "a,"}]}}}"#,
            "hubs.a.handlers[1].user-events must be \(UserEventPattern.rule)"
        ),
        (
            #"{"hubs": {"a": {"handlers": [{"url": "http://h", "system-events": ["conect"]}]}}}"#,
            "hubs.a.handlers[0].system-events must be a list of connect, connected and disconnected"
        ),
        (
            #"{"hubs": {"a": {"handlers": [{"url": "http://h", "authorization": "a\r\nb"}]}}}"#,
            "hubs.a.handlers[0].authorization \(EventHandler.authorizationRule)"
        ),
        (#"{"hubs": {"a": {"routes": [{}]}}}"#, "hubs.a.routes[0].path is missing; it \(RoutePath.rule)"),
        (#"{"hubs": {"a": {"routes": [{"path": "/api/x"}]}}}"#, "hubs.a.routes[0].path \(RoutePath.rule)"),
        (
            #"{"hubs": {"a": {"routes": [{"path": "/d/{user}"}]}, "b": {"routes": [{"path": "/e"}, {"path": "/d/x"}]}}}"#,
            "hubs.b.routes[1].path can be the same path as hubs.a.routes[0].path"
        ),
        (
            #"{"hubs": {"a": {"routes": [{"path": "/d", "protocol": "plain"}]}}}"#,
            "hubs.a.routes[0].protocol must be raw or json.webpubsub.azure.v1"
        ),
        (
            #"{"hubs": {"a": {"routes": [{"path": "/d", "subprotocols": ["v1", "V1"]}]}}}"#,
            "hubs.a.routes[0].subprotocols \(ClientRoute.subprotocolsRule)"
        ),
        (
            #"{"hubs": {"a": {"routes": [{"path": "/d", "subprotocols": ["protobuf.webpubsub.azure.v1"]}]}}}"#,
            "hubs.a.routes[0].subprotocols \(ClientRoute.subprotocolsRule)"
        ),
        (
            #"{"hubs": {"a": {"routes": [{"path": "/d", "subprotocols": ["a b"]}]}}}"#,
            "hubs.a.routes[0].subprotocols \(ClientRoute.subprotocolsRule)"
        ),
    ])
    func `What is wrong in a file is named with its place`(text: String, fault: String) {
        #expect(throws: HubTable.Fault(text: fault)) { try HubTable(parsing: Data(text.utf8)) }
    }

    // MARK: - Options

    private static func load(_ flags: [ConfigurationOption: String]) throws(ConfigurationError) -> EventConfiguration? {
        try ConfigurationLoader(flags: [.accessKey: PubSubToken.key].merging(flags) { $1 }, environment: [:], file: nil).load()
            .events
    }

    @Test func `One hub may be configured by options alone`() throws {
        let options: [ConfigurationOption: String] = [
            .eventHandler: "http://h/{event}", .eventHub: "Chat", .userEvents: "a,b", .systemEvents: "connect,disconnected",
        ]
        let hub = try #require(try Self.load(options)?.table.hubs["chat"])
        #expect(hub.handler(of: .connect) != nil && hub.handler(of: .connected) == nil)
        let (b, c) = (try Self.event("B"), try Self.event("c"))
        #expect(hub.handler(of: b) != nil && hub.handler(of: c) == nil)
        let short = try #require(try Self.load([.eventHandler: "http://h"])?.table.hubs[.default])
        #expect(short.handler(of: c) != nil && short.handler(of: .connect) == nil)
        #expect(try Self.load([:]) == nil)
    }

    @Test func `Options that do not fit together are refused`() throws {
        let file = try TemporaryFile(#"{"hubs": {}}"#)
        for (flags, option, allowed) in [
            ([.userEvents: "a"], "user-events", "needs --event-handler"),
            ([.eventHub: "a"], "event-hub", "needs --event-handler"),
            ([.systemEvents: "connect"], "system-events", "needs --event-handler"),
            (
                [.hubs: file.path, .eventHandler: "http://h"], "event-handler",
                "cannot be combined with --hubs"
            ),
        ] as [([ConfigurationOption: String], String, String)] {
            let error = #expect(throws: ConfigurationError.self) { try Self.load(flags) }
            #expect(error?.option == option && error?.allowed == allowed)
        }
        for (option, value) in [(ConfigurationOption.hubs, file.path), (.eventHandler, "http://h")] {
            let error = #expect(throws: ConfigurationError.self) {
                try ConfigurationLoader(flags: [option: value], environment: [:], file: nil).load()
            }
            #expect(error?.allowed == "needs --access-key or --access-keys, which sign the events")
        }
    }

    @Test(
        arguments: [
            ([:], "localhost"), ([.publicHosts: "push.example.org:8443,other"], "push.example.org"),
            ([.publicHosts: "[::1]:80"], "[::1]"), ([.host: "0.0.0.0"], NodeName.hostName),
        ] as [([ConfigurationOption: String], String)]
    )
    func `The name for handlers is the first public one`(flags: [ConfigurationOption: String], origin: String) throws {
        #expect(try Self.load([.eventHandler: "http://h"].merging(flags) { $1 })?.origin == origin)
    }
}
