import ArgumentParser
import Foundation
import Logging
import Node
import UnixSignals

/// `volary serve`: runs one node until SIGTERM or SIGINT.
struct Serve: AsyncParsableCommand {
    static let version = NodeServer.version
    static let configuration = CommandConfiguration(
        abstract: "Runs a node.",
        discussion: """
            Every option may also be set as an environment variable (--node-name: VOLARY_NODE_NAME) or in a JSON file (--config). \
            A flag goes before the environment, and the environment before the file.
            """
    )

    /// EX_CONFIG of sysexits.h.
    private static let wrongConfiguration = ExitCode(78)

    @OptionGroup var flags: Flags

    func run() async throws {
        let configuration = try self.loadConfiguration()
        LogBootstrap.start(format: configuration.logFormat, level: configuration.logLevel)
        let logger = Logger(label: "volary")
        FileDescriptors.raiseLimit(logger: logger)
        do {
            try await NodeServer(configuration: configuration, logger: logger).run(signals: [.sigterm, .sigint])
        } catch {
            logger.critical("Stopped by an error", metadata: ["volary.error": "\(error)"])
            throw ExitCode.failure
        }
    }

    private func loadConfiguration() throws -> NodeConfiguration {
        let environment = ProcessInfo.processInfo.environment
        // An empty one counts as absent, as those of the options do.
        let named = environment["VOLARY_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        do throws(ConfigurationError) {
            let loader = try ConfigurationLoader(
                flags: self.flags.values,
                environment: environment,
                file: self.flags.config ?? named
            )
            return try loader.load()
        } catch {
            FileHandle.standardError.write(Data("volary: \(error)\n".utf8))
            throw Self.wrongConfiguration
        }
    }
}
