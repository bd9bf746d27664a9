import TestSupport
import Testing

extension RealProcesses {
    /// Bad input to the REST API.
    @Suite
    struct BadInputTests {
        private static let broadcast = "/api/connections/broadcast"
        private static let someone = "/api/connections/0123456789abcdef0123456789abcdef"

        private func expectProblem(
            _ response: HTTPTestResponse,
            _ status: Int,
            field: String? = nil,
            _ what: String,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let note: Comment = "\(what): \(response.status) \(response.body)"
            #expect(response.status == status, note, sourceLocation: sourceLocation)
            #expect(response[header: "content-type"] == "application/problem+json", note, sourceLocation: sourceLocation)
            let problem: Problem = try response.decode()
            #expect(problem.status == status, note, sourceLocation: sourceLocation)
            #expect(problem.type.hasPrefix("urn:volary:problem:"), note, sourceLocation: sourceLocation)
            #expect(!problem.title.isEmpty && !problem.detail.isEmpty, note, sourceLocation: sourceLocation)
            #expect(problem.field == field, note, sourceLocation: sourceLocation)
        }

        @Test
        func `Bodies that are not what they should be are 400, and the field is named`() async throws {
            try await withSingleNode { node in
                let wrong: [(body: String, field: String?)] = [
                    ("", nil), ("not json", nil), ("{", nil), ("[]", nil), ("[\"message\"]", nil), ("\"message\"", nil),
                    ("42", nil),
                    ("null", nil), ("{\"message\":\"\u{1}\"}", nil), ("{}", "message"), (#"{"text":"hello"}"#, "text"),
                    (#"{"message":42}"#, "message"), (#"{"message":null}"#, "message"), (#"{"message":["a"]}"#, "message"),
                    (#"{"message":{}}"#, "message"), (#"{"message":true}"#, "message"), (#"{"message":""}"#, "message"),
                    (#"{"message":" \n\t "}"#, "message"),
                ]
                for path in [Self.broadcast, "\(Self.someone)/send"] {
                    for (body, field) in wrong {
                        try self.expectProblem(
                            try await node.request("POST", path, body: body),
                            400,
                            field: field,
                            "\(path) \(body)"
                        )
                    }
                    try self.expectProblem(try await node.request("POST", path), 400, "\(path) without a body")
                }
            }
        }

        @Test
        func `A body that is too large is 413, whether it says so or not`() async throws {
            try await withSingleNode(options: Cluster.quiet + ["--max-body", "2KiB", "--max-message", "1KiB"]) { node in
                let body = #"{"message":"\#(String(repeating: "x", count: 3000))"}"#
                try self.expectProblem(try await node.request("POST", Self.broadcast, body: body), 413, "with a length")

                let chunked = try await RawTestClient.connect(port: node.process.port)
                try await chunked.send(
                    "POST \(Self.broadcast) HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                )
                try await chunked.send("\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n0\r\n\r\n")
                #expect(await eventually { chunked.received.hasPrefix("HTTP/1.1 413 ") })

                let long = #"{"message":"\#(String(repeating: "x", count: 1025))"}"#
                try self.expectProblem(
                    try await node.request("POST", Self.broadcast, body: long),
                    413,
                    field: "message",
                    "a message longer than a client's may be"
                )
                let allowed = #"{"message":"\#(String(repeating: "x", count: 1024))"}"#
                #expect(try await node.request("POST", Self.broadcast, body: allowed).status == 200)
            }
        }

        @Test
        func `A body that is said to be something else than JSON is 415`() async throws {
            try await withSingleNode { node in
                let body = #"{"message":"hello"}"#
                for type in [
                    "text/plain", "application/x-www-form-urlencoded", "application/xml", "json", "text/json; charset=utf-8",
                ] {
                    let response = try await node.request("POST", Self.broadcast, headers: ["content-type": type], body: body)
                    try self.expectProblem(response, 415, type)
                }
                for type in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json"] {
                    let response = try await node.request("POST", Self.broadcast, headers: ["content-type": type], body: body)
                    #expect(response.status == 200, "\(type)")
                }
            }
        }

        @Test
        func `A method that a path does not have is 405 with Allow, and a path that is none is 404`() async throws {
            try await withSingleNode { node in
                let allowed = [
                    ("/api/connections", ["GET", "HEAD", "OPTIONS"]), (Self.broadcast, ["OPTIONS", "POST"]),
                    (Self.someone, ["DELETE", "GET", "HEAD", "OPTIONS"]), ("\(Self.someone)/send", ["OPTIONS", "POST"]),
                    ("/api/nodes", ["GET", "HEAD", "OPTIONS"]), ("/livez", ["GET", "HEAD", "OPTIONS"]),
                    ("/readyz", ["GET", "HEAD", "OPTIONS"]),
                ]
                for (path, methods) in allowed {
                    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] where !methods.contains(method) {
                        let response = try await node.request(method, path)
                        try self.expectProblem(response, 405, "\(method) \(path)")
                        let allow = try #require(response[header: "allow"])
                        #expect(Set(allow.split(separator: ", ").map(String.init)) == Set(methods), "\(method) \(path)")
                    }
                }
                for path in [
                    "/x", "/api", "/api/connection", "/api/connections/1/2/3", "/livez/x", "/favicon.ico", "/%00", "/..%2f",
                ] {
                    try self.expectProblem(try await node.request("GET", path), 404, path)
                    try self.expectProblem(try await node.request("POST", path, body: "{}"), 404, path)
                }
            }
        }

        @Test
        func `Parameters of the query that are wrong are 400, and named`() async throws {
            try await withSingleNode { node in
                let wrong: [(method: String, target: String, field: String)] =
                    ["0", "-1", "1001", "x", "", "1.5", "99999999999999999999", "1e2", "%31%20"].map {
                        ("GET", "/api/connections?limit=\($0)", "limit")
                    }
                    + ["x", "", "0123", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcdef0"].map {
                        ("GET", "/api/connections?cursor=\($0)", "cursor")
                    }
                    + ["all", "", "None", "true"].map { ("POST", "\(Self.broadcast)?wait=\($0)", "wait") }
                    + ["0s", "-1s", "31s", "5", "s", "", "1h", "1d", "1.5s"].map {
                        ("POST", "\(Self.broadcast)?timeout=\($0)", "timeout")
                    }
                    + ["999", "5000", "1004", "1005", "1006", "1015", "2000", "x", ""].map {
                        ("DELETE", "\(Self.someone)?code=\($0)", "code")
                    }
                    + [("DELETE", "\(Self.someone)?reason=\(String(repeating: "x", count: 124))", "reason")]
                for (method, target, field) in wrong {
                    let body = method == "POST" ? #"{"message":"hello"}"# : nil
                    let response = try await node.request(method, target, body: body)
                    try self.expectProblem(response, 400, field: field, "\(method) \(target)")
                }
            }
        }

        @Test
        func `Problems say nothing of the inside`() async throws {
            try await withSingleNode { node in
                for body in ["not json", #"{"message":42}"#, "{}"] {
                    let text = try await node.request("POST", Self.broadcast, body: body).body
                    for word in ["Swift", "Decod", "CodingKey", "NIO", "Hummingbird", "debugDescription", "Optional"] {
                        #expect(!text.contains(word), "\(text)")
                    }
                }
            }
        }
    }
}
