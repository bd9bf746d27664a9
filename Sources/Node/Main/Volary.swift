import ArgumentParser

@main
struct Volary: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "volary",
        abstract: "A WebSocket server that runs as several nodes and behaves as one.",
        version: Serve.version,
        subcommands: [Serve.self, Token.self],
        defaultSubcommand: Serve.self
    )
}
