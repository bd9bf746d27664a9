import NIOCore
import ServiceLifecycle
public import UnixSignals

extension NodeServer {
    /// Runs until graceful shutdown, or until the node has drained because another node asked for it.
    /// - Throws: when the address cannot be listened on, or a part fails for good.
    public func run() async throws {
        try await self.run(signals: [])
    }

    /// As ``run()``; the first of the signals begins the graceful shutdown, each further one hurries it: it is over within about a second.
    public func run(signals: [UnixSignal]) async throws {
        let result: Result<Void, any Error>
        do {
            try await self.runServices(signals)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try await self.group.shutdownGracefully()
        try result.get()
    }

    private enum Event {
        case servicesEnded
        case timeIsUp
        case noMoreSignals
        case receiptsFinished
    }

    /// A service group hears the first signal and is deaf to the second, so the signals are heard here.
    private func runServices(_ signals: [UnixSignal]) async throws {
        let signals = await UnixSignalsSequence(trapping: signals)
        try await withThrowingTaskGroup(of: Event.self) { tasks in
            tasks.addTask {
                try await self.serviceGroup.run()
                return .servicesEnded
            }
            tasks.addTask {
                for await _ in signals { self.departure.signalled() }
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
        let configuration = ServiceGroupConfiguration(
            services: self.services.map { .init(service: $0) } + [drain],
            logger: self.logger
        )
        return ServiceGroup(configuration: configuration)
    }
}
