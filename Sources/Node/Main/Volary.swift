import ArgumentParser
import VolaryCommand

@main
struct Volary: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "volary",
        abstract: "A WebSocket server that runs as several nodes and behaves as one.",
        discussion: "Exit status: 0 success; 1 runtime error; 64 usage error; 78 invalid or unusable configuration.",
        version: Serve.version,
        subcommands: [
            Serve.self, CheckConfig.self, ShowConfig.self, Health.self, Nodes.self, Send.self, Token.self,
            ConnectionStringCommand.self, Version.self,
        ],
        defaultSubcommand: Serve.self
    )

    static func main() async {
        Surroundings.prepare()
        if let word = CommandLine.arguments.dropFirst().first, let message = self.unknownCommand(word) {
            self.exit(withError: ValidationError(message))
        }
        await self.main(nil)
    }

    /// - Parameter word: the first word on the command line.
    /// - Returns: an error message; nil for a flag or a known command.
    private static func unknownCommand(_ word: String) -> String? {
        let known = self.configuration.subcommands.compactMap { $0.configuration.commandName }
        guard !word.hasPrefix("-"), !known.contains(word), word != "help" else { return nil }
        return "Unknown command '\(Refusal.printable(word))'. To run a node, use 'volary serve', or options only. "
            + "Other commands: \(known.filter { $0 != "serve" }.joined(separator: ", "))."
    }
}

/// `volary version`: the same as `--version`.
struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Shows the version.")

    func run() { print(Serve.version) }
}
