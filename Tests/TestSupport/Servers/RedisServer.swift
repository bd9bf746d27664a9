/// A real redis-server on its own loopback port, without persistence. Ends with the test process.
public final class RedisServer: Sendable {
    public struct StartError: Error {}

    public let port: Int
    /// The port for TLS, if it is used.
    public let tlsPort: Int?
    private let arguments: [String]
    private let password: String?
    private let process = ServerProcess()

    /// Starts a server and waits until it answers.
    /// - Parameters:
    ///   - arguments: further ones for redis-server, such as `["--requirepass", "secret"]`.
    ///   - password: for ``command(_:)``, if one is needed.
    ///   - certificate: for TLS, on a second port.
    public static func start(
        arguments: [String] = [],
        password: String? = nil,
        certificate: TestCertificate? = nil
    ) throws -> RedisServer {
        // Another test may take the port before the server uses it.
        for _ in 0..<5 {
            let tlsPort = try certificate.map { _ in try LoopbackSocket.freePort() }
            let server = RedisServer(
                port: try LoopbackSocket.freePort(),
                tlsPort: tlsPort,
                arguments: arguments + (certificate?.redisArguments(port: tlsPort ?? 0) ?? []),
                password: password
            )
            if server.launch() { return server }
            server.kill()
        }
        throw StartError()
    }

    private init(port: Int, tlsPort: Int?, arguments: [String], password: String?) {
        self.port = port
        self.tlsPort = tlsPort
        self.arguments = arguments
        self.password = password
    }

    /// The URL for clients.
    public var url: String { "redis://127.0.0.1:\(self.port)" }

    /// The process id; nil while it does not run.
    var identifier: Int? { self.process.identifier }

    public func stop() { self.kill() }

    /// Ends it at once: nothing is flushed, connections are reset.
    public func kill() { self.process.kill() }

    /// Starts it again on the same port, empty unless its arguments ask for persistence. Kills it first when it runs.
    /// - Parameter arguments: further ones, for this start only.
    public func restart(arguments: [String] = []) throws {
        self.kill()
        guard self.launch(arguments) else { throw StartError() }
    }

    /// Stops the process with SIGSTOP: its connections stay open.
    public func freeze() { self.process.freeze() }

    public func thaw() { self.process.thaw() }

    /// Sends one command on a separate connection.
    /// - Returns: the raw answer, at most 64 KiB; nil when there was none.
    @discardableResult
    public func command(_ arguments: String...) -> String? { self.command(arguments) }

    @discardableResult
    public func command(_ arguments: [String]) -> String? {
        Self.exchange(arguments, port: self.port, login: self.password.map { [$0] })
    }

    /// A section of INFO; empty when there was no answer.
    public func info(_ section: String) -> String { self.command("INFO", section) ?? "" }

    /// Arguments for `start(arguments:)`: a user with all permissions, whatever happens to those of the nodes.
    public static let administrator = ["--user", "admin", "on", ">admin", "~*", "&*", "+@all"]

    /// Like ``command(_:)``, as the ``administrator``.
    @discardableResult
    public func administer(_ arguments: String...) -> String? {
        Self.exchange(arguments, port: self.port, login: ["admin", "admin"])
    }

    /// - Parameter login: the arguments of AUTH; nil for none.
    static func exchange(_ arguments: [String], port: Int, login: [String]? = nil) -> String? {
        guard let socket = LoopbackSocket(port: port) else { return nil }
        if let login {
            guard socket.transmit(Self.encode(["AUTH"] + login)), socket.receive() == "+OK\r\n" else { return nil }
        }
        return socket.transmit(Self.encode(arguments)) ? socket.receive() : nil
    }

    private static func encode(_ arguments: [String]) -> String {
        arguments.reduce("*\(arguments.count)\r\n") { $0 + "$\($1.utf8.count)\r\n\($1)\r\n" }
    }

    private func launch(_ further: [String] = []) -> Bool {
        let server = [
            "redis-server", "--port", "\(self.port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", "/tmp", "--loglevel", "warning",
        ]
        return self.process.launch(ChildProcess.Command(arguments: server + self.arguments + further)) {
            // An error counts as an answer: a server with a password refuses the command, and one with much data loads it first.
            let answer = self.command("PING") ?? ""
            return ["+PONG", "-NOAUTH", "-LOADING"].contains(where: answer.hasPrefix)
        }
    }
}
