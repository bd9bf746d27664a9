import Foundation
import NIOConcurrencyHelpers

/// A real reverse proxy in front of nodes, on its own loopback port. Ends with the test process.
public final class ProxyServer: Sendable {
    public enum Kind: Sendable, CaseIterable {
        /// With `deploy/haproxy.cfg`, as `deploy/run` starts it.
        case haproxy
        /// The same, but each request may use any idle connection to a node.
        case haproxyThatReuses
        /// With `keepalive` for connections to nodes, which is the default from nginx 1.29.7 on.
        case nginx
        case caddy
    }

    public struct StartError: Error, CustomStringConvertible {
        public let description: String
    }

    public let port: Int
    private let directory: URL
    private let process = NIOLockedValueBox<pid_t?>(nil)

    /// Starts a proxy and waits until a node behind it is ready.
    /// - Parameters:
    ///   - nodes: the ports of the nodes.
    ///   - rules: further lines for HAProxy's frontend.
    public static func start(_ kind: Kind = .haproxy, nodes: [Int], rules: [String] = []) async throws -> ProxyServer {
        var failure = StartError(description: "\(kind) cannot be started")
        // Another test may take the port before the proxy uses it.
        for _ in 0..<5 {
            let server = try ProxyServer(kind, port: try LoopbackSocket.freePort(), nodes: nodes, rules: rules)
            let client = HTTPTestClient(port: server.port)
            let isReady = await eventually(within: .seconds(15)) {
                guard server.isRunning else { return true }
                return (try? await client.request("GET", "/readyz", within: .seconds(2)))?.status == 200
            }
            if isReady, server.isRunning { return server }
            failure = StartError(description: "no node is ready behind \(kind):\n\(server.output)")
            server.stop()
        }
        throw failure
    }

    private init(_ kind: Kind, port: Int, nodes: [Int], rules: [String]) throws {
        self.port = port
        self.directory = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("volary-proxy-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.directory, withIntermediateDirectories: true)
        let file = self.directory.appendingPathComponent("configuration")
        try kind.configuration(port: port, nodes: nodes, rules: rules, directory: self.directory.path)
            .write(to: file, atomically: true, encoding: .utf8)
        var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("VOLARY_") }
        environment["VOLARY_BALANCER"] = "127.0.0.1:\(port)"
        environment["HOME"] = self.directory.path
        // On Debian some proxies are in directories that only root has in its path.
        environment["PATH"] = "\(environment["PATH"] ?? ""):/usr/local/sbin:/usr/sbin"
        let output = self.directory.appendingPathComponent("output").path
        let command = ChildProcess.Command(
            arguments: ["env"] + kind.arguments(file: file.path),
            environment: environment,
            output: output,
            errors: output
        )
        guard let pid = ChildProcess.spawn(command) else { throw StartError(description: "\(kind) cannot be started") }
        self.process.withLockedValue { $0 = pid }
    }

    deinit { self.stop() }

    /// The output of the proxy. HAProxy's contains, among other things, which nodes it considered up and down.
    public var output: String {
        let data = FileManager.default.contents(atPath: self.directory.appendingPathComponent("output").path)
        return String(decoding: data ?? Data(), as: UTF8.self)
    }

    public func stop() {
        self.process.withLockedValue { process in
            guard let pid = process else { return }
            _ = sendSignal(pid, SIGKILL)
            var status: CInt = 0
            waitpid(pid, &status, 0)
            process = nil
        }
        try? FileManager.default.removeItem(at: self.directory)
    }

    private var isRunning: Bool {
        self.process.withLockedValue { process in
            guard let pid = process else { return false }
            var status: CInt = 0
            guard waitpid(pid, &status, WNOHANG) == pid else { return true }
            process = nil
            return false
        }
    }
}

extension ProxyServer.Kind {
    fileprivate func arguments(file: String) -> [String] {
        switch self {
        case .haproxy, .haproxyThatReuses: ["haproxy", "-db", "-f", file]
        case .nginx: ["nginx", "-e", "stderr", "-c", file]
        case .caddy: ["caddy", "run", "--config", file, "--adapter", "caddyfile"]
        }
    }

    fileprivate func configuration(port: Int, nodes: [Int], rules: [String], directory: String) throws -> String {
        switch self {
        case .haproxy: try self.haproxy(nodes, rules)
        // The last section is the backend.
        case .haproxyThatReuses: try self.haproxy(nodes, rules) + "    http-reuse always\n"
        case .nginx: self.nginx(port, nodes, directory)
        case .caddy: self.caddy(port, nodes)
        }
    }

    private func haproxy(_ nodes: [Int], _ rules: [String]) throws -> String {
        let source = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../deploy/haproxy.cfg").standardized
        let servers = nodes.enumerated().map { "    server node\($0.offset + 1) 127.0.0.1:\($0.element)\n" }
        let (last, lines) = ("    default_backend nodes\n", rules.map { "    \($0)\n" }.joined())
        return try String(contentsOf: source, encoding: .utf8).replacing(last, with: lines + last) + servers.joined()
    }

    /// One process: the worker of a master process would survive its SIGKILL.
    private func nginx(_ port: Int, _ nodes: [Int], _ directory: String) -> String {
        let servers = nodes.map { "server 127.0.0.1:\($0);" }.joined(separator: " ")
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(directory);" }
        return """
            daemon off;
            master_process off;
            pid \(directory)/pid;
            events {}
            http {
                access_log off;
                \(temporary.joined(separator: " "))
                map $http_upgrade $connection_field { default upgrade; '' ''; }
                upstream nodes { \(servers) keepalive 32; }
                server {
                    listen 127.0.0.1:\(port);
                    location / {
                        proxy_pass http://nodes;
                        proxy_http_version 1.1;
                        proxy_set_header Host $http_host;
                        proxy_set_header Upgrade $http_upgrade;
                        proxy_set_header Connection $connection_field;
                    }
                }
            }

            """
    }

    private func caddy(_ port: Int, _ nodes: [Int]) -> String {
        """
        {
            admin off
            auto_https off
        }
        http://:\(port) {
            bind 127.0.0.1
            reverse_proxy \(nodes.map { "127.0.0.1:\($0)" }.joined(separator: " "))
        }

        """
    }
}
