import Foundation
import NIOConcurrencyHelpers

/// Starts programs that must not outlive the tests.
enum ChildProcess {
    /// "Die with your parent" means the thread that forked, and threads of a pool come and go: this one stays.
    private static let spawner: Spawner = {
        let spawner = Spawner()
        spawner.start()
        return spawner
    }()

    /// - Parameter command: a program, looked up in the path, and its arguments. Its output is thrown away.
    static func spawn(_ command: [String]) -> pid_t? { self.spawner.spawn(command) }

    private final class Spawner: @unchecked Sendable {
        // Unchecked: all state is behind the condition.
        private let condition = NSCondition()
        private var commands: [(id: Int, command: [String])] = []
        private var results: [Int: pid_t?] = [:]
        private var next = 0

        func start() {
            Thread.detachNewThread { self.work() }
        }

        func spawn(_ command: [String]) -> pid_t? {
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

        private static func run(_ command: [String]) -> pid_t? {
            let guarded = FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv")
            let full = guarded ? ["setpriv", "--pdeathsig", "KILL"] + command : command
            var arguments: [UnsafeMutablePointer<CChar>?] = full.map { strdup($0) }
            arguments.append(nil)
            defer { for argument in arguments { free(argument) } }
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            defer { posix_spawn_file_actions_destroy(&actions) }
            for descriptor: CInt in 0...2 {
                posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
            }
            var pid: pid_t = 0
            return posix_spawnp(&pid, full[0], &actions, nil, arguments, environ) == 0 ? pid : nil
        }
    }
}
