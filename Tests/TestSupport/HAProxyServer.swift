import Foundation
import NIOConcurrencyHelpers

/// A real HAProxy with `deploy/haproxy.cfg` on a loopback port of its own, as `deploy/run` starts it. Dies with the test process.
public final class HAProxyServer: Sendable {
    public struct StartError: Error, CustomStringConvertible {
        public let description: String
    }

    public let port: Int
    private let directory: URL
    private let process = NIOLockedValueBox<pid_t?>(nil)

    /// Starts a balancer and waits until a node is ready behind it.
    /// - Parameter nodes: the ports of the nodes.
    public static func start(nodes: [Int]) async throws -> HAProxyServer {
        var failure = StartError(description: "haproxy cannot be started")
        // Between finding a port and using it, another test may take it.
        for _ in 0..<5 {
            let server = try HAProxyServer(port: try LoopbackSocket.freePort(), nodes: nodes)
            let client = HTTPTestClient(port: server.port)
            let isReady = await eventually(within: .seconds(15)) {
                guard server.isRunning else { return true }
                return (try? await client.request("GET", "/readyz", within: .seconds(2)))?.status == 200
            }
            if isReady, server.isRunning { return server }
            failure = StartError(description: "no node is ready behind haproxy:\n\(server.output)")
            server.stop()
        }
        throw failure
    }

    private init(port: Int, nodes: [Int]) throws {
        self.port = port
        self.directory = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent(
            "volary-haproxy-\(UUID().uuidString)"
        )
        try FileManager.default.createDirectory(at: self.directory, withIntermediateDirectories: true)
        let source = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../deploy/haproxy.cfg").standardized
        let servers = nodes.enumerated().map { "    server node\($0.offset + 1) 127.0.0.1:\($0.element)\n" }
        let file = self.directory.appendingPathComponent("haproxy.cfg")
        try (String(contentsOf: source, encoding: .utf8) + servers.joined()).write(to: file, atomically: true, encoding: .utf8)
        var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("VOLARY_") }
        environment["VOLARY_BALANCER"] = "127.0.0.1:\(port)"
        // Debian puts it where only root looks.
        environment["PATH"] = "\(environment["PATH"] ?? ""):/usr/local/sbin:/usr/sbin"
        let output = self.directory.appendingPathComponent("output").path
        let command = ChildProcess.Command(
            arguments: ["env", "haproxy", "-db", "-f", file.path],
            environment: environment,
            output: output,
            errors: output
        )
        guard let pid = ChildProcess.spawn(command) else { throw StartError(description: "haproxy cannot be started") }
        self.process.withLockedValue { $0 = pid }
    }

    deinit { self.stop() }

    /// What it wrote: among other things which nodes it took for up and down.
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
