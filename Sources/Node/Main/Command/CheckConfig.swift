package import ArgumentParser
import VolaryNode

/// `volary check-config`: checks what `volary serve` would read, and opens nothing.
package struct CheckConfig: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "check-config",
        abstract: "Checks the configuration without running a node.",
        discussion: """
            Reads the same flags, variables and files as serve: keys, certificates and hubs too. Exit status 78 and one line when \
            serve would not start with them. Variables that set nothing are named.
            """
    )

    @OptionGroup var flags: Flags

    package init() {}

    package func run() throws {
        let (_, loader) = try self.flags.load()
        for (name, suggestion) in loader.unknownVariables {
            let hint = suggestion.map { "; did you mean \($0)?" } ?? ""
            Refusal.write("\(Refusal.printable(name)) sets nothing\(hint)")
        }
        print("The configuration is valid.")
    }
}
