package import ArgumentParser
import Foundation
import Logging
import VolaryNode

/// `volary serve`: runs one node until SIGTERM, SIGINT or SIGQUIT.
package struct Serve: AsyncParsableCommand {
    package static let version = NodeServer.version
    package static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Runs a node.",
        discussion: """
            Every option may also be set as an environment variable (--node-name: VOLARY_NODE_NAME) or in a JSON file (--config). \
            Flags take precedence over the environment, and the environment over the file.
            """
    )

    @OptionGroup var flags: Flags

    package init() {}

    package func run() async throws { try await self.run(hubs: []) }

    func run(hubs: [ServedHub]) async throws {
        let (configuration, loader) = try self.flags.load()
        LogBootstrap.start(format: configuration.logFormat, level: configuration.logLevel)
        defer { LogBootstrap.flush() }
        let logger = Logger(label: "volary")
        loader.logIgnored(to: logger)
        FileDescriptors.raiseLimit(logger: logger)
        do {
            try await NodeServer(configuration: configuration, logger: logger, hubs: hubs).run(handlesSignals: true)
        } catch let error as ListenError {
            throw Refusal.of(error)
        } catch let error as StartRefusal {
            throw Refusal.of(error)
        } catch let error as TooFewFiles {
            throw Refusal.of(error)
        } catch {
            logger.critical("Stopped by an error", metadata: ["volary.error": "\(error)"])
            throw ExitCode.failure
        }
    }
}
