import ArgumentParser
import Foundation
import VolaryCommand
import VolaryNode

/// The cluster of Web PubSub for which a command makes something.
struct PubSubFlags: ParsableArguments {
    @Option(name: .customLong("access-keys"), help: "File with access keys, for Web PubSub. The first one is used.")
    var keys: String?

    @Option(help: "URL of the cluster, for Web PubSub.")
    var endpoint = "http://localhost:8080"

    func issuer() throws -> PubSubIssuer {
        let environment = ProcessInfo.processInfo.environment.filter { !$0.value.isEmpty }
        // A flag goes before the environment.
        let key = self.keys == nil ? environment["VOLARY_ACCESS_KEY"] : nil
        let path = self.keys ?? environment["VOLARY_ACCESS_KEYS"]
        guard key != nil || path != nil else {
            throw ValidationError("--access-keys, VOLARY_ACCESS_KEYS or VOLARY_ACCESS_KEY is missing.")
        }
        let file = key == nil ? try path.map(self.contents) : nil
        do throws(TokenIssuer.Failure) {
            return try PubSubIssuer(endpoint: self.endpoint, key: key, file: file)
        } catch {
            throw Refusal.of(error)
        }
    }

    private func contents(of path: String) throws -> Data {
        do throws(OperatorFile.ReadError) {
            return try OperatorFile.text(path)
        } catch {
            let origin = self.keys == nil ? ConfigurationError.Origin.variable : .flag
            throw Refusal.of(
                ConfigurationError(option: "access-keys", value: path, allowed: error.description, origin: origin)
            )
        }
    }
}

/// `volary connection-string`: prints what the service libraries of Web PubSub take.
struct ConnectionStringCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connection-string",
        abstract: "Prints the connection string for service libraries of Web PubSub.",
        discussion: "Its access key is a secret. Defaults come from VOLARY_ACCESS_KEY and VOLARY_ACCESS_KEYS."
    )

    @OptionGroup var flags: PubSubFlags

    func run() throws { print(try self.flags.issuer().connectionString) }
}
