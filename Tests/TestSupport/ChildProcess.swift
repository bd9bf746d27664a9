import Foundation
import NIOConcurrencyHelpers

/// The system's function, whose name the servers' own hides.
let sendSignal: @Sendable (pid_t, CInt) -> CInt = { kill($0, $1) }

/// Starts programs that must not outlive the tests.
enum ChildProcess {
    /// "Die with your parent" means the thread that forked, and threads of a pool come and go: this one stays.
    private static let spawner: Spawner = {
        let spawner = Spawner()
        spawner.start()
        return spawner
    }()

    /// What to start.
    struct Command: Sendable {
        /// A program, looked up in the path, and its arguments.
        var arguments: [String]
        /// Nil: this process' own.
        var environment: [String: String]?
        /// Files that standard output and standard error are written to.
        var output = "/dev/null"
        var errors = "/dev/null"
    }

    /// - Parameter command: a program, looked up in the path, and its arguments. Its output is thrown away.
    static func spawn(_ command: [String]) -> pid_t? { self.spawn(Command(arguments: command)) }

    static func spawn(_ command: Command) -> pid_t? { self.spawner.spawn(command) }

    private final class Spawner: @unchecked Sendable {
        // Unchecked: all state is behind the condition.
        private let condition = NSCondition()
        private var commands: [(id: Int, command: Command)] = []
        private var results: [Int: pid_t?] = [:]
        private var next = 0

        func start() {
            Thread.detachNewThread { self.work() }
        }

        func spawn(_ command: Command) -> pid_t? {
            self.condition.lock()
            defer { self.condition.unlock() }
            self.next += 1
            let id = self.next
            self.commands.append((id, command))
            self.condition.broadcast()
            while true {
                if let result = self.results.removeValue(forKey: id) { return result }
                self.condition.wait()
            }
        }

        private func work() {
            self.condition.lock()
            while true {
                while let (id, command) = self.commands.first {
                    self.commands.removeFirst()
                    self.results[id] = .some(Self.run(command))
                    self.condition.broadcast()
                }
                self.condition.wait()
            }
        }

        private static func run(_ command: Command) -> pid_t? {
            let guarded = FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv")
            let full = guarded ? ["setpriv", "--pdeathsig", "KILL"] + command.arguments : command.arguments
            let arguments = Self.cStrings(full)
            defer { for argument in arguments { free(argument) } }
            let variables = command.environment ?? ProcessInfo.processInfo.environment
            let environment = Self.cStrings(variables.map { "\($0.key)=\($0.value)" })
            defer { for variable in environment { free(variable) } }
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            defer { posix_spawn_file_actions_destroy(&actions) }
            let mode = O_RDWR | O_CREAT | O_APPEND
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0)
            posix_spawn_file_actions_addopen(&actions, 1, command.output, mode, 0o600)
            posix_spawn_file_actions_addopen(&actions, 2, command.errors, mode, 0o600)
            // A child that inherited the test's sockets would keep them open: their other ends would never hear of their end. Closing what
            // is not open is no error, and other threads open files while this one looks.
            let open = (try? FileManager.default.contentsOfDirectory(atPath: "/dev/fd"))?.compactMap { CInt($0) }.max() ?? 2
            for descriptor in 3..<open + 64 { posix_spawn_file_actions_addclose(&actions, descriptor) }
            var pid: pid_t = 0
            return posix_spawnp(&pid, full[0], &actions, nil, arguments, environment) == 0 ? pid : nil
        }

        /// Ended by nil; each to be freed.
        private static func cStrings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
            texts.map { strdup($0) } + [nil]
        }
    }
}
