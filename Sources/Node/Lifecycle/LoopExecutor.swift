import NIOCore
import ServiceLifecycle

/// Runs tasks on an event loop: what the loop's own channels begin changes no threads until it is done.
final class LoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    /// - Parameter eventLoop: outlives every task that prefers the executor.
    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// A service on an event loop. What wakes it many times in one turn of the loop wakes it once, behind all of them.
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
