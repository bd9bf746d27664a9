import Foundation
import NIOConcurrencyHelpers

/// A real redis-sentinel on a loopback port of its own. Dies with the test process.
public final class SentinelServer: Sendable {
    public let port: Int
    private let file: URL
    private let process = NIOLockedValueBox<pid_t?>(nil)

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

    deinit { self.kill() }

    /// Starts it again, with what it knew. Kills it first when it runs.
    public func restart() throws {
        self.kill()
        try self.start()
    }

    private func start() throws {
        let output = self.file.deletingPathExtension().appendingPathExtension("log").path
        let command = ChildProcess.Command(arguments: ["redis-sentinel", self.file.path], output: output, errors: output)
        guard let pid = ChildProcess.spawn(command) else { throw RedisServer.StartError() }
        self.process.withLockedValue { $0 = pid }
        for _ in 0..<500 {
            if let answer = self.command("PING"), answer.hasPrefix("+PONG") || answer.hasPrefix("-NOAUTH") { return }
            usleep(10_000)
        }
        throw RedisServer.StartError()
    }

    public func kill() { self.signal(SIGKILL, andWait: true) }

    public func freeze() { self.signal(SIGSTOP, andWait: false) }

    public func thaw() { self.signal(SIGCONT, andWait: false) }

    /// Sends one command on a connection of its own.
    /// - Returns: the answer as it came; nil when there was none.
    @discardableResult
    public func command(_ arguments: String...) -> String? {
        RedisServer.exchange(arguments, port: self.port)
    }

    private func signal(_ signal: CInt, andWait: Bool) {
        self.process.withLockedValue { pid in
            guard let running = pid else { return }
            _ = sendSignal(running, signal)
            guard andWait else { return }
            var status: CInt = 0
            waitpid(running, &status, 0)
            pid = nil
        }
    }
}
