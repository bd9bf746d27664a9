import Foundation
import TestSupport
import Testing

extension HostileTables {
    /// Polls and posts that clients of SignalR never send.
    @Suite
    struct SignalRRequestTables {
        /// The reference hub, which is beside the program.
        private static let reference = ["/bin/sh", "-c", #"exec "$(dirname "$0")/reference-hub" "$@""#]
        private static let path = "/hubs/reference"
        private static let handshake = "{\"protocol\":\"json\",\"version\":1}\u{1E}"
        private static let echo = "{\"type\":1,\"target\":\"Echo\",\"arguments\":[1],\"invocationId\":\"1\"}\u{1E}"
        private static let result = "{\"type\":3,\"invocationId\":\"1\",\"result\":1}\u{1E}"

        private static let bodies: [(name: String, body: String)] = [
            ("no JSON", "hello\u{1E}"), ("a list", "[]\u{1E}"), ("nothing", "\u{1E}"),
            ("deep lists", String(repeating: "[", count: 30_000) + "\u{1E}"),
            ("a type of infinity", "{\"type\":1e400}\u{1E}"),
            ("a call of nothing", "{\"type\":1,\"target\":\"\",\"arguments\":[]}\u{1E}"),
            ("a record above the limit", "{\"type\":6,\"x\":\"\(String(repeating: "x", count: 33_000))\"}\u{1E}"),
            ("no end", String(repeating: " ", count: 40_000)),
        ]

        /// Opens a connection over long polling.
        /// - Returns: its path.
        private static func open(_ http: HTTPTestClient) async throws -> String {
            let answer = try await http.request("POST", "\(self.path)/negotiate")
            let json = try #require(try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any])
            let path = "\(self.path)?id=\(try #require(json["connectionId"] as? String))"
            #expect(try await http.request("GET", path).status == 200)
            return path
        }

        /// As ``open(_:)``, with the handshake.
        private static func begin(_ http: HTTPTestClient) async throws -> String {
            let path = try await self.open(http)
            #expect(try await http.request("POST", path, body: self.handshake).status == 200)
            #expect(try await http.request("GET", path).body == "{}\u{1E}")
            return path
        }

        private static func isAlive(_ http: HTTPTestClient, _ path: String) async throws -> Bool {
            guard try await http.request("POST", path, body: self.echo).status == 200 else { return false }
            return try await http.request("GET", path).body.contains(self.result)
        }

        @Test func `A post that is malformed ends its own connection`() async throws {
            try await HostileNode.run(through: Self.reference) { node in
                let http = HTTPTestClient(port: node.process.port)
                let other = try await Self.begin(http)
                for open in [Self.open, Self.begin] {
                    for (name, body) in Self.bodies {
                        let path = try await open(http)
                        let status = try await http.request("POST", path, body: body).status
                        #expect(status == (body.utf8.count > 32_768 ? 413 : 200), "\(name)")
                        var polls = 0
                        while try await http.request("GET", path).status == 200, polls < 10 { polls += 1 }
                        #expect(polls < 10, "\(name)")
                        #expect(try await http.request("POST", path, body: Self.echo).status == 404, "\(name)")
                    }
                    #expect(try await Self.isAlive(http, other))
                }
            }
        }

        @Test func `Posts that are huge, to connections that are unknown or closed, and without end`() async throws {
            try await HostileNode.run(["--body-timeout", "1s"], through: Self.reference) { node in
                let http = HTTPTestClient(port: node.process.port)
                let path = try await Self.begin(http)
                let huge = String(repeating: "x", count: 3 << 20)
                for _ in 1...10 {
                    // The node may close before it has read all.
                    if let answer = try? await http.request("POST", path, body: huge) { #expect(answer.status == 413) }
                }
                for id in ["x", String(repeating: "A", count: 43), String(repeating: "0", count: 5000), "%00", "a&id=b"] {
                    for method in ["GET", "POST", "DELETE"] {
                        #expect(try await http.request(method, "\(Self.path)?id=\(id)").status == 404, "\(method) \(id)")
                    }
                }
                for _ in 1...5 {
                    let closed = try await Self.begin(http)
                    #expect(try await http.request("DELETE", closed).status == 202)
                    #expect(try await http.request("POST", closed, body: Self.echo).status == 404)
                }
                let slow = try await RawTestClient.connect(port: node.process.port)
                try await slow.send("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{\"type\"")
                #expect(await eventually { slow.isEnded })
                #expect(try await Self.isAlive(http, path))
            }
        }

        @Test func `Hundreds of polls and posts at once, and polls that are broken off, leave one connection`() async throws {
            try await HostileNode.run(through: Self.reference) { node in
                let http = HTTPTestClient(port: node.process.port)
                let path = try await Self.begin(http)
                let statuses = await withTaskGroup(of: Int?.self) { tasks in
                    for _ in 1...300 { tasks.addTask { try? await http.request("GET", path).status } }
                    // All but the last one are ended by a later one.
                    var statuses: [Int?] = []
                    while statuses.count < 299, let status = await tasks.next() { statuses.append(status) }
                    #expect((try? await http.request("POST", path, body: Self.echo).status) == 200)
                    while let status = await tasks.next() { statuses.append(status) }
                    return statuses
                }
                // A ping of the node ends a poll with 200, too.
                #expect(statuses.count == 300 && statuses.allSatisfy { $0 == 204 || $0 == 200 }, "\(statuses)")
                let posts = await withTaskGroup(of: Int?.self) { tasks in
                    for number in 1...300 {
                        let call = Self.echo.replacing("\"1\"", with: "\"\(number)\"")
                        tasks.addTask { try? await http.request("POST", path, body: call).status }
                    }
                    return await tasks.reduce(into: [Int?]()) { $0.append($1) }
                }
                #expect(posts.allSatisfy { $0 == 200 || $0 == 429 }, "\(posts)")
                let accepted = posts.count { $0 == 200 }
                var (results, polls) = (0, 0)
                // Each poll brings a result, but for pings.
                while results < accepted, polls < 400 {
                    polls += 1
                    let answer = try await http.request("GET", path)
                    guard answer.status == 200 else { break }
                    results += answer.body.components(separatedBy: "\"result\":1}").count - 1
                }
                #expect(results == accepted)
                for _ in 1...300 {
                    let raw = try await RawTestClient.connect(port: node.process.port)
                    try await raw.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                    await raw.close()
                }
                #expect(try await eventually { try await Self.isAlive(http, path) })
                #expect(try await http.request("DELETE", path).status == 202)
            }
        }
    }
}
