import Foundation
import NIOConcurrencyHelpers

/// The system's `kill`, which the method of the same name in `ServerProcess` hides.
let sendSignal: @Sendable (pid_t, CInt) -> CInt = { kill($0, $1) }

/// Starts programs that end with the tests.
enum ChildProcess {
    /// The kernel's parent-death signal is sent when the thread that forked ends. Threads of a pool end at any time, so one
    /// permanent thread forks.
    private static let spawner: Spawner = {
        let spawner = Spawner()
        spawner.start()
        return spawner
    }()

    /// How to start a program.
    struct Command: Sendable {
        /// A program, searched in the path, and its arguments.
        var arguments: [String]
        /// Nil for the environment of this process.
        var environment: [String: String]?
        /// Files for standard output and standard error.
        var output = "/dev/null"
        var errors = "/dev/null"
    }

    /// - Parameter command: a program, searched in the path, and its arguments. Its output is discarded.
    static func spawn(_ command: [String]) -> pid_t? { self.spawn(Command(arguments: command)) }

    static func spawn(_ command: Command) -> pid_t? { self.spawner.spawn(command) }

    private final class Spawner: @unchecked Sendable {
        // Unchecked, because the condition guards all state.
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
            // A child that inherited the sockets of a test would keep them open, so that their peers would not see the end.
            // Closing a descriptor that is not open is no error, and other threads may open files during this loop.
            let open = (try? FileManager.default.contentsOfDirectory(atPath: "/dev/fd"))?.compactMap { CInt($0) }.max() ?? 2
            for descriptor in 3..<open + 64 { posix_spawn_file_actions_addclose(&actions, descriptor) }
            var pid: pid_t = 0
            return posix_spawnp(&pid, full[0], &actions, nil, arguments, environment) == 0 ? pid : nil
        }

        /// Ends with nil. The caller frees each string.
        private static func cStrings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
            texts.map { strdup($0) } + [nil]
        }
    }
}
