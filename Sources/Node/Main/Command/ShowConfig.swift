package import ArgumentParser
import VolaryNode

/// `volary config`: what holds, and from where.
package struct ShowConfig: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Shows each option with its value, and where it was set.",
        discussion: """
            Three columns: option, value ('-' for none), and flag, the variable, the file, or default. Keys and passwords are shown \
            as ***. The configuration is checked first, as by check-config.
            """
    )

    @OptionGroup var flags: Flags

    package init() {}

    package func run() throws {
        let settings = try self.flags.load().1.settings
        let rows = settings.map { [$0.option.rawValue, Refusal.printable($0.value ?? "-"), Refusal.printable($0.source)] }
        for line in TextTable.lines(rows) { print(line) }
    }
}
