import ArgumentParser
import Foundation
import VolaryCommand

/// `volary nodes`: the nodes of the cluster as a table.
struct Nodes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nodes",
        abstract: "Lists the nodes of a cluster.",
        discussion: "Exit status 1 when the list may lack nodes. Needs the permission read on nodes with credentials."
    )

    @OptionGroup var call: NodeCall

    private struct List: Decodable {
        struct Node: Decodable {
            let id: String
            let name: String
            let connections: Int
            let leaseAgeSeconds: Double
            let live: Bool
            let draining: Bool
            let version: String
            let startedAt: String

            var row: [String] {
                [
                    self.name, self.id, self.live ? self.draining ? "draining" : "live" : "silent", "\(self.connections)",
                    "\((self.leaseAgeSeconds * 10).rounded() / 10) s", self.version, self.startedAt,
                ]
            }
        }

        let complete: Bool
        let nodes: [Node]
    }

    func run() async throws {
        let answer = try await self.call.accepted("GET", "/api/nodes")
        guard let list = try? JSONDecoder().decode(List.self, from: Data(answer.body.utf8)) else {
            Refusal.write("this is no answer of a node: \(Refusal.printable(answer.body))")
            throw ExitCode.failure
        }
        let head = ["name", "id", "state", "connections", "last sign", "version", "started"]
        for line in TextTable.lines([head] + list.nodes.map(\.row)) { print(line) }
        guard list.complete else {
            Refusal.write("the store of presence does not answer; these are the nodes as last seen")
            throw ExitCode.failure
        }
    }
}
