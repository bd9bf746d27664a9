import Foundation

/// A real redis-sentinel on its own loopback port. Ends with the test process.
public final class SentinelServer: Sendable {
    public let port: Int
    private let file: URL
    private let process = ServerProcess()

    /// Starts one and waits until it answers.
    /// - Parameters:
    ///   - directory: for its configuration, which it rewrites itself, and its log.
    ///   - lines: of the configuration, besides the address.
    init(in directory: URL, lines: [String]) throws {
        let port = try LoopbackSocket.freePort()
        self.port = port
        self.file = directory.appendingPathComponent("sentinel-\(port).conf")
        let all = ["port \(port)", "bind 127.0.0.1", "dir \(directory.path)"] + lines
        try Data((all.joined(separator: "\n") + "\n").utf8).write(to: self.file)
        try self.start()
    }

    /// Starts it again with its saved state. Kills it first when it runs.
    public func restart() throws {
        self.kill()
        try self.start()
    }

    private func start() throws {
        let output = self.file.deletingPathExtension().appendingPathExtension("log").path
        let command = ChildProcess.Command(arguments: ["redis-sentinel", self.file.path], output: output, errors: output)
        let isUp = self.process.launch(command) {
            let answer = self.command("PING") ?? ""
            return answer.hasPrefix("+PONG") || answer.hasPrefix("-NOAUTH")
        }
        guard isUp else { throw RedisServer.StartError() }
    }

    public func kill() { self.process.kill() }

    public func freeze() { self.process.freeze() }

    public func thaw() { self.process.thaw() }

    /// Sends one command on a separate connection.
    /// - Returns: the raw answer; nil when there was none.
    @discardableResult
    public func command(_ arguments: String...) -> String? {
        RedisServer.exchange(arguments, port: self.port)
    }
}
