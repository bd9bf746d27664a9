import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing

extension RealProcesses {
    /// Event handlers of real nodes.
    @Suite
    struct EventHandlerTests {
        private static let key = "primary-0123456789-0123456789-0123456789"
        private static let apiKey = "an-api-key-for-tests"
        private static let credentials = ["--access-key", key, "--api-key", apiKey]

        private static func hubs(
            _ handler: HandlerServer,
            events: String = #"["connect", "connected", "disconnected"]"#
        ) -> String {
            #"{"hubs":{"chat":{"handlers":[{"url":"\#(handler.url)","user-events":"*","system-events":\#(events)}]}}}"#
        }

        private static func start(
            _ answer: @escaping @Sendable (HandlerServer.Request) async -> HandlerServer.Answer = { _ in .init() }
        ) async throws -> HandlerServer {
            try await HandlerServer.start { $0.method == "POST" ? await answer($0) : .permission }
        }

        /// A client with a URL that the program made, which has got its first message.
        private static func connect(_ process: VolaryProcess) async throws -> WebSocketTestClient {
            let endpoint = "http://127.0.0.1:\(process.port)"
            let arguments = ["token", "--hub", "chat", "--user", "ann", "--endpoint", endpoint]
            let (status, output, errors) = try await VolaryProcess.run(arguments, environment: ["VOLARY_ACCESS_KEY": self.key])
            try #require(status == 0, "\(errors)")
            let url = output.trimmingCharacters(in: .newlines)
            let client = try await WebSocketTestClient.connect(
                port: process.port,
                path: String(url.dropFirst("ws://127.0.0.1:\(process.port)".count)),
                options: .init(subprotocols: ["json.webpubsub.azure.v1"])
            )
            _ = try await client.next()
            return client
        }

        private static func event(_ number: Int) -> String {
            #"{"type":"event","event":"e","dataType":"text","data":"x","ackId":\#(number)}"#
        }

        private static func ack(_ number: Int) -> WebSocketTestClient.Message {
            .text(#"{"type":"ack","ackId":\#(number),"success":true}"#)
        }

        @Test
        func `SIGHUP changes the handlers of connected clients; a bad file changes nothing`() async throws {
            let (one, two) = (try await Self.start(), try await Self.start())
            let file = try TemporaryFile(Self.hubs(one))
            let process = try await VolaryProcess.start(Self.credentials + ["--hubs", file.path])
            let client = try await Self.connect(process)
            try await client.send(Self.event(1))
            #expect(try await client.next() == Self.ack(1))
            try file.write(#"{"hubs":{"chat":{"handlers":[{"uri":"x"}]}}}"#)
            process.reload()
            #expect(await eventually { process.output.contains(#"uri is not known; did you mean "url"?"#) })
            try await client.send(Self.event(2))
            #expect(try await client.next() == Self.ack(2))
            let before = two.requests.count
            try file.write(Self.hubs(two))
            process.reload()
            #expect(await eventually { process.output.contains("File reloaded") })
            // The new handler is asked for permission at once.
            #expect(await eventually { two.requests.count > before })
            try await client.send(Self.event(3))
            #expect(try await client.next() == Self.ack(3))
            #expect(one.events.filter { $0.event == "e" }.count == 2 && two.events.map(\.event) == ["e"])
            #expect(two.events.first?["ce-id"] == "4")
            #expect(await process.terminate(within: .seconds(15)) == 0)
            #expect(await two.event("disconnected") != nil)
        }

        @Test
        func `A node that shuts down waits for the answers of handlers`() async throws {
            let (gate, open) = AsyncStream.makeStream(of: Void.self)
            let handler = try await Self.start { request in
                if request.event == "e" { for await _ in gate {} }
                return .init()
            }
            let file = try TemporaryFile(Self.hubs(handler, events: #"["disconnected"]"#))
            let process = try await VolaryProcess.start(Self.credentials + ["--hubs", file.path])
            let client = try await Self.connect(process)
            try await client.send([Self.event(1), Self.event(2)])
            #expect(await handler.event("e") != nil)
            process.beginTermination()
            #expect(await client.closed() == 1012)
            #expect(process.isRunning)
            open.finish()
            #expect(await process.exit(within: .seconds(15)) == 0)
            #expect(handler.events.map(\.event) == ["e", "e", "disconnected"])
            #expect(handler.events.last?.text == #"{"reason":"the node is going away"}"#)
        }

        @Test
        func `Every node finds a connection when its handler hears of it`()
            async throws
        {
            let other = NIOLockedValueBox<TestNode?>(nil)
            let found = NIOLockedValueBox<[Int]>([])
            let handler = try await Self.start { request in
                guard request.event == "connected", let id = request["ce-connectionId"], let node = other.withLockedValue({ $0 })
                else {
                    return .init()
                }
                let answer = try? await node.request("GET", "/api/connections/\(id)?hub=chat")
                found.withLockedValue { $0.append(answer?.status ?? 0) }
                return .init()
            }
            let options = Cluster.quiet + Self.credentials + ["--event-handler", handler.url, "--event-hub", "chat"]
            let headers = ["authorization": "Bearer \(Self.apiKey)"]
            try await Cluster.run(options: options + ["--system-events", "connected"], headers: headers) { cluster in
                other.withLockedValue { $0 = cluster.b }
                var clients: [WebSocketTestClient] = []
                for _ in 0..<20 { clients.append(try await Self.connect(cluster.a.process)) }
                #expect(await eventually { found.withLockedValue { $0.count } == 20 })
                #expect(found.withLockedValue { $0 } == Array(repeating: 200, count: 20))
                other.withLockedValue { $0 = nil }
            }
        }

        @Test
        func `A file of hubs that is wrong stops the start with its place`() async throws {
            let file = try TemporaryFile(#"{"hubs":{"chat":{"handlers":[{"url":"h"}]}}}"#)
            let (status, _, errors) = try await VolaryProcess.run(["--hubs", file.path] + Self.credentials)
            #expect(status == 78)
            #expect(errors.contains("hubs.chat.handlers[0].url must be a URL such as"), "\(errors)")
        }
    }
}
