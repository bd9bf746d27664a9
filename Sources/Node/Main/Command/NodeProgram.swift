package import ArgumentParser
import Foundation
package import VolaryNode

/// `volary serve` as a program of its own, with the hubs of an application.
package struct NodeProgram: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: CommandLine.arguments.first.map { URL(fileURLWithPath: $0).lastPathComponent },
        abstract: "Runs a node of an application.",
        discussion: Serve.configuration.discussion,
        version: Serve.version
    )

    @OptionGroup var serve: Serve

    package init() {}

    /// Runs the program. Ends the process when the node cannot start.
    package static func main(hubs: [ServedHub]) async {
        Surroundings.prepare()
        do {
            try await self.parse().serve.run(hubs: hubs)
        } catch {
            self.exit(withError: error)
        }
    }
}
