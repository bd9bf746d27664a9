import NIOCore
import ServiceLifecycle

/// Runs tasks on an event loop, so that work started by the loop's own channels does not change threads.
final class LoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    /// - Parameter eventLoop: must outlive every task that prefers the executor.
    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// Runs a service on an event loop. Several wake-ups in one turn of the loop resume it once, after that turn.
struct LoopService<Base: Service>: Service {
    let base: Base
    let eventLoop: any EventLoop

    func run() async throws {
        try await withTaskExecutorPreference(LoopExecutor(self.eventLoop)) { try await self.base.run() }
    }
}

extension LoopService: CustomStringConvertible {
    var description: String { "\(Base.self)" }
}
