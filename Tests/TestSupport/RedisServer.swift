import NIOConcurrencyHelpers

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A real redis-server on a loopback port of its own, without persistence. Dies with the test process.
public final class RedisServer: Sendable {
    public struct StartError: Error {}

    public let port: Int
    private let arguments: [String]
    private let process = NIOLockedValueBox<pid_t?>(nil)

    /// Starts a server and waits until it answers.
    /// - Parameter arguments: further ones for redis-server, as `["--requirepass", "secret"]`.
    public static func start(arguments: [String] = []) throws -> RedisServer {
        // Between finding a port and using it, another test may take it.
        for _ in 0..<5 {
            let server = RedisServer(port: try LoopbackSocket.freePort(), arguments: arguments)
            if server.launch() { return server }
            server.kill()
        }
        throw StartError()
    }

    private init(port: Int, arguments: [String]) {
        self.port = port
        self.arguments = arguments
    }

    deinit { self.kill() }

    /// The address for clients.
    public var url: String { "redis://127.0.0.1:\(self.port)" }

    public func stop() { self.kill() }

    /// At once: nothing is flushed, connections are reset.
    public func kill() { self.signal(SIGKILL, andWait: true) }

    /// Starts it again, empty, on the same port. Kills it first when it runs.
    public func restart() throws {
        self.kill()
        guard self.launch() else { throw StartError() }
    }

    /// It keeps its connections and does nothing.
    public func freeze() { self.signal(SIGSTOP, andWait: false) }

    public func thaw() { self.signal(SIGCONT, andWait: false) }

    /// Sends one command on a connection of its own.
    /// - Returns: the answer as it came, at most 64 KiB; nil when there was none.
    @discardableResult
    public func command(_ arguments: String...) -> String? {
        guard let socket = LoopbackSocket(port: self.port) else { return nil }
        let command = arguments.reduce("*\(arguments.count)\r\n") { $0 + "$\($1.utf8.count)\r\n\($1)\r\n" }
        return socket.transmit(command) ? socket.receive() : nil
    }

    private func launch() -> Bool {
        let server = [
            "redis-server", "--port", "\(self.port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", "/tmp", "--loglevel", "warning",
        ]
        guard let pid = ChildProcess.spawn(server + self.arguments) else { return false }
        self.process.withLockedValue { $0 = pid }
        for _ in 0..<500 {
            // Also an error is an answer: a server with a password does not know us.
            if let answer = self.command("PING"), answer.hasPrefix("+PONG") || answer.hasPrefix("-NOAUTH") { return true }
            usleep(10_000)
        }
        return false
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
