import ArgumentParser
import NIOCore
import VolaryCommand

/// `volary health`: for health checks of containers and service managers, with TLS too.
struct Health: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Asks a node whether it is ready or alive.",
        discussion: "Exit status 0 when the answer is 200, otherwise 1 and one line. Waits for the answer for at most 3 seconds."
    )

    @Argument(help: "/readyz: ready for clients. /livez: alive.")
    var path = "/readyz"

    @OptionGroup var call: NodeCall

    func run() async throws {
        guard ["/readyz", "/livez"].contains(self.path) else { throw ValidationError("The path must be /readyz or /livez.") }
        let answer = try await self.call.send("GET", self.path, timeout: .seconds(3))
        guard answer.status != 200 else { return }
        Refusal.write("\(self.path) answers \(answer.status): \(Refusal.printable(answer.body))")
        throw ExitCode.failure
    }
}
