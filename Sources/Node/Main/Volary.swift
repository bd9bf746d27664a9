import ArgumentParser
import Foundation
import VolaryNode

@main
struct Volary: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "volary",
        abstract: "A WebSocket server that runs as several nodes and behaves as one.",
        discussion: "Exit status: 0 done; 1 failed while it ran; 64 wrong use; 78 a value that is not allowed, or cannot be had.",
        version: Serve.version,
        subcommands: [Serve.self, Token.self, Version.self],
        defaultSubcommand: Serve.self
    )

    static func main() async {
        StandardStreams.reserve()
        #if os(Linux)
        // The command line is read from there, and Swift's dispatch library ends the process when it does not find its threads in it.
        guard access("/proc/self/cmdline", R_OK) == 0 else {
            Refusal.write("there is no /proc here, and nothing works without it: mount it (type proc)")
            Foundation.exit(Refusal.status.rawValue)
        }
        #endif
        if let word = CommandLine.arguments.dropFirst().first, let message = self.unknownCommand(word) {
            self.exit(withError: ValidationError(message))
        }
        await self.main(nil)
    }

    /// - Parameter word: the first on the command line.
    /// - Returns: nil for a flag, and for what there is.
    private static func unknownCommand(_ word: String) -> String? {
        let known = self.configuration.subcommands.compactMap { $0.configuration.commandName }
        guard !word.hasPrefix("-"), !known.contains(word), word != "help" else { return nil }
        return "There is no command '\(Refusal.printable(word))'. To run a node: 'volary serve', or nothing but options. "
            + "Others: \(known.filter { $0 != "serve" }.joined(separator: ", "))."
    }
}

/// `volary version`: as `--version`.
struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Shows the version.")

    func run() { print(Serve.version) }
}
