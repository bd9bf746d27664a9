import Logging
import NIOConcurrencyHelpers
import NIOCore
import ServiceLifecycle

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

extension NodeServer {
    /// Runs until a graceful shutdown, or until the node has drained at the request of another node.
    /// - Throws: ``ListenError`` when the node cannot listen on the address; ``StartRefusal``; any other error when a part
    ///   fails permanently.
    public func run() async throws {
        try await self.run(handlesSignals: false)
    }

    /// See ``run()``.
    /// - Parameter handlesSignals: true if the process belongs to the node. The first SIGTERM, SIGINT or SIGQUIT begins the
    ///   graceful shutdown. Each further one shortens it, so that it ends within about a second. SIGHUP reloads files. SIGUSR1,
    ///   SIGUSR2 and SIGALRM are ignored.
    public func run(handlesSignals: Bool) async throws {
        let result: Result<Void, any Error>
        var signals: ProcessSignals?
        do {
            // Resolving the host name may take long. Until it is resolved, signals have their default effect.
            try ListenError.check(host: self.configuration.host, port: self.configuration.port)
            signals = handlesSignals ? await ProcessSignals() : nil
            if handlesSignals { self.endProcessInTime() }
            try await self.runServices(signals)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try await self.group.shutdownGracefully()
        try result.get()
        if let refusal = self.refusal.withLockedValue({ $0 }) { throw refusal }
        self.logger.info("Stopped")
        // Keeps the signal handlers until here, so that a late signal does not change the exit status.
        withExtendedLifetime(signals) {}
    }

    /// Ends the process if an event loop or a task hangs, so that the drain timeout holds in any case.
    private func endProcessInTime() {
        Task.detached {
            await self.deadlines.reached(.process)
            self.logger.critical("The node did not stop in time: the process exits now")
            LogBootstrap.flush()
            _exit(1)
        }
    }

    private enum Event {
        case servicesEnded
        case timeIsUp
        case noMoreSignals
        case receiptsFinished
    }

    /// Handles signals here, because a service group handles the first signal only and ignores later ones.
    private func runServices(_ signals: ProcessSignals?) async throws {
        try await withThrowingTaskGroup(of: Event.self) { tasks in
            tasks.addTask {
                try await self.serviceGroup.run()
                return .servicesEnded
            }
            tasks.addTask {
                await signals?.handle(self.shutdownRequest, self.reload, logger: self.logger)
                return .noMoreSignals
            }
            tasks.addTask {
                await self.deadlines.reached(.receipts)
                self.receipts.finishAll()
                return .receiptsFinished
            }
            tasks.addTask {
                await self.deadlines.reached(.links)
                return .timeIsUp
            }
            while let event = try await tasks.next(), event != .servicesEnded {
                if event == .timeIsUp { tasks.cancelAll() }
            }
            tasks.cancelAll()
        }
    }

    private var serviceGroup: ServiceGroup {
        // The drain may also end without a signal, and then it stops the other services.
        let drain = ServiceGroupConfiguration.ServiceConfiguration(
            service: self.drain,
            successTerminationBehavior: .gracefullyShutdownGroup
        )
        // At the debug level the service group would log each service with all of its contents.
        var logger = self.logger
        logger.logLevel = max(logger.logLevel, .info)
        let configuration = ServiceGroupConfiguration(
            services: self.services.map { .init(service: $0) } + [drain],
            logger: logger
        )
        return ServiceGroup(configuration: configuration)
    }
}
