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
    /// Runs until graceful shutdown, or until the node has drained because another node asked for it.
    /// - Throws: ``ListenError`` when the address cannot be listened on; ``NodeNameTaken``; something else when a part fails for good.
    public func run() async throws {
        try await self.run(handlesSignals: false)
    }

    /// As ``run()``.
    /// - Parameter handlesSignals: the process is the node's: the first SIGTERM, SIGINT or SIGQUIT begins the graceful shutdown, each further
    ///   one hurries it, so that it is over within about a second; SIGHUP reads files again, and SIGUSR1, SIGUSR2 and SIGALRM do nothing.
    public func run(handlesSignals: Bool) async throws {
        let result: Result<Void, any Error>
        var signals: ProcessSignals?
        do {
            // The host's name may take long to resolve. Until then signals end the process as they do by themselves.
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
        if let taken = self.nameTaken.withLockedValue({ $0 }) { throw taken }
        self.logger.info("Stopped")
        // Until here a late signal does not change how the process ends.
        withExtendedLifetime(signals) {}
    }

    /// The last resort, where an event loop or a task hangs: the drain's time holds nevertheless.
    private func endProcessInTime() {
        Task.detached {
            await self.deadlines.reached(.process)
            self.logger.critical("The process ends although parts of it have not")
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

    /// A service group hears the first signal and is deaf to the second, so the signals are heard here.
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
        // The drain may also end by itself, and then it is the others' turn.
        let drain = ServiceGroupConfiguration.ServiceConfiguration(
            service: self.drain,
            successTerminationBehavior: .gracefullyShutdownGroup
        )
        // At debug it would write out each service with all that is in it.
        var logger = self.logger
        logger.logLevel = max(logger.logLevel, .info)
        let configuration = ServiceGroupConfiguration(
            services: self.services.map { .init(service: $0) } + [drain],
            logger: logger
        )
        return ServiceGroup(configuration: configuration)
    }
}
