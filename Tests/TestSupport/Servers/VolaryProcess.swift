import Foundation
import NIOConcurrencyHelpers

/// The built `volary` program as a separate process. Ends with its last reference, and with the test process.
public final class VolaryProcess: Sendable {
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// What to wait for after the start.
    public enum Milestone: Sendable {
        /// `/readyz` answers 200.
        case ready
        /// `/livez` answers 200: for a node that cannot become ready.
        case live
        /// The process runs: for a node that serves no plain HTTP.
        case running
    }

    public let port: Int
    /// For clients; nil for plain HTTP.
    public let tls: TestTLS?
    /// The directory of the output files.
    private let directory: URL
    private let process: NIOLockedValueBox<State>

    private enum State {
        case running(pid_t)
        /// As in a shell: 128 plus the number of the signal for a killed process.
        case ended(Int)
    }

    /// Starts a node on a loopback port.
    /// - Parameters:
    ///   - options: further ones, such as `["--node-name", "a"]`.
    ///   - port: nil for any free port.
    ///   - tls: for clients.
    ///   - openFiles: the limit of open files, soft and hard; nil for that of the tests.
    ///   - wrapper: a command that finally executes the program, whose path and arguments follow it.
    public static func start(
        _ options: [String],
        environment: [String: String] = [:],
        port: Int? = nil,
        tls: TestCertificate? = nil,
        openFiles: Int? = nil,
        through wrapper: [String] = [],
        until milestone: Milestone = .ready
    ) async throws -> VolaryProcess {
        var failure = Failure(description: "volary was not started")
        // Another test may take the port before the node uses it.
        for _ in 0..<(port == nil ? 5 : 1) {
            let port = try port ?? LoopbackSocket.freePort()
            let process = try VolaryProcess(
                arguments: options + ["--port", "\(port)"] + (tls?.options ?? []),
                environment: environment,
                port: port,
                tls: tls?.client,
                wrapper: wrapper + (openFiles.map { ["/bin/sh", "-c", "ulimit -n \($0) && exec \"$0\" \"$@\""] } ?? [])
            )
            let path = milestone == .ready ? "/readyz" : "/livez"
            let client = HTTPTestClient(port: port, tls: process.tls)
            let reached = await eventually(within: .seconds(30)) {
                guard process.isRunning, milestone != .running else { return true }
                return (try? await client.request("GET", path, within: .seconds(2)))?.status == 200
            }
            if reached, process.isRunning { return process }
            failure = Failure(description: "volary is not \(milestone):\n\(process.output)")
            process.kill()
        }
        throw failure
    }

    /// Runs the program until it ends.
    /// - Parameter wrapper: as of ``start(_:environment:port:tls:openFiles:through:until:)``.
    public static func run(
        _ arguments: [String],
        environment: [String: String] = [:],
        through wrapper: [String] = [],
        within deadline: Duration = .seconds(30)
    ) async throws -> (status: Int, output: String, errors: String) {
        let process = try VolaryProcess(arguments: arguments, environment: environment, port: 0, tls: nil, wrapper: wrapper)
        guard let status = await process.exit(within: deadline) else {
            throw Failure(description: "volary \(arguments) did not end:\n\(process.output)")
        }
        return (status, process.text("output"), process.text("errors"))
    }

    private init(
        arguments: [String],
        environment: [String: String],
        port: Int,
        tls: TestTLS?,
        wrapper: [String]
    ) throws {
        let directory = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("volary-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        // The user's own settings must not change the tests.
        let inherited = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("VOLARY_") }
        let command = ChildProcess.Command(
            arguments: wrapper + [try Self.binary()] + arguments,
            environment: inherited.merging(environment) { $1 },
            output: directory.appendingPathComponent("output").path,
            errors: directory.appendingPathComponent("errors").path
        )
        guard let pid = ChildProcess.spawn(command) else { throw Failure(description: "volary cannot be started") }
        self.port = port
        self.tls = tls
        self.directory = directory
        self.process = NIOLockedValueBox(.running(pid))
    }

    deinit {
        self.kill()
        try? FileManager.default.removeItem(at: self.directory)
    }

    /// `VOLARY_BINARY`, or the program that was built together with the tests.
    private static func binary() throws -> String {
        if let path = ProcessInfo.processInfo.environment["VOLARY_BINARY"] { return path }
        // Under swift test the bundle is the program itself or, on macOS, an argument.
        let candidates = ProcessInfo.processInfo.arguments + [Bundle.main.bundlePath] + Bundle.allBundles.map(\.bundlePath)
        for candidate in candidates {
            var directory = URL(fileURLWithPath: candidate)
            for _ in 0..<4 {
                let path = directory.appendingPathComponent("volary").path
                var isDirectory: ObjCBool = false
                let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
                if exists, !isDirectory.boolValue, FileManager.default.isExecutableFile(atPath: path) { return path }
                directory.deleteLastPathComponent()
            }
        }
        throw Failure(description: "no volary next to the tests; set VOLARY_BINARY to its path")
    }

    // MARK: - State

    public var isRunning: Bool { self.exitStatus == nil }

    /// Nil while it runs.
    public var exitStatus: Int? {
        self.process.withLockedValue { state in
            guard case .running(let pid) = state else { return Self.status(state) }
            var status: CInt = 0
            if waitpid(pid, &status, WNOHANG) == pid { state = .ended(Self.code(status)) }
            return Self.status(state)
        }
    }

    /// The process id; nil once it has ended.
    var identifier: Int? {
        self.process.withLockedValue { state in
            guard case .running(let pid) = state else { return nil }
            return Int(pid)
        }
    }

    /// Resident memory in bytes; nil where the system does not report it.
    public var residentBytes: Int? {
        self.process.withLockedValue { state in
            guard case .running(let pid) = state,
                let pages = (try? String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8))?.split(separator: " ")
                    .dropFirst().first
            else { return nil }
            return Int(pages).map { $0 * Int(getpagesize()) }
        }
    }

    /// The maximum of the resident memory so far, in bytes; nil where the system does not report it.
    public var peakResidentBytes: Int? {
        self.process.withLockedValue { state in
            guard case .running(let pid) = state, let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8),
                let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") })
            else { return nil }
            return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
        }
    }

    /// Open descriptors; nil where the system does not report them.
    public var openDescriptors: Int? {
        self.process.withLockedValue { state in
            guard case .running(let pid) = state else { return nil }
            return (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd"))?.count
        }
    }

    /// The output, for messages of failed tests.
    public var output: String { self.text("output") + self.text("errors") }

    private func text(_ file: String) -> String {
        let data = FileManager.default.contents(atPath: self.directory.appendingPathComponent(file).path)
        return String(decoding: data ?? Data(), as: UTF8.self)
    }

    private static func status(_ state: State) -> Int? {
        switch state {
        case .running: nil
        case .ended(let status): status
        }
    }

    private static func code(_ status: CInt) -> Int {
        let signal = status & 0x7F
        return signal == 0 ? Int(status >> 8 & 0xFF) : 128 + Int(signal)
    }

    // MARK: - Signals

    /// Sends SIGTERM and does not wait: see ``exit(within:)``.
    public func beginTermination() { self.signal(SIGTERM) }

    /// Sends SIGTERM.
    /// - Returns: the exit status; nil when it still runs at the end of the deadline.
    public func terminate(within deadline: Duration) async -> Int? {
        self.signal(SIGTERM)
        return await self.exit(within: deadline)
    }

    /// - Returns: the exit status; nil when it still runs at the end of the deadline.
    public func exit(within deadline: Duration) async -> Int? {
        _ = await eventually(within: deadline) { self.exitStatus != nil }
        return self.exitStatus
    }

    /// Sends SIGKILL. The process has ended when this returns.
    public func kill() {
        self.process.withLockedValue { state in
            guard case .running(let pid) = state else { return }
            _ = sendSignal(pid, SIGKILL)
            var status: CInt = 0
            waitpid(pid, &status, 0)
            state = .ended(Self.code(status))
        }
    }

    /// Sends SIGHUP: the node reads its certificate and keys again.
    public func reload() { self.signal(SIGHUP) }

    /// Stops the process with SIGSTOP: its connections stay open.
    public func freeze() { self.signal(SIGSTOP) }

    public func thaw() { self.signal(SIGCONT) }

    /// - Parameter signal: its number.
    public func signal(_ signal: CInt) {
        self.process.withLockedValue { state in
            guard case .running(let pid) = state else { return }
            _ = sendSignal(pid, signal)
        }
    }
}
