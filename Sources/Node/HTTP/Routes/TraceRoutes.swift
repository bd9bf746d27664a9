import HTTPTypes
import NIOCore
import VolaryProtocol

/// `/api/messages/{id}`: why did a message not arrive?
struct TraceRoutes: Sendable {
    /// For the answers of the other nodes.
    private static let timeout = TimeAmount.seconds(1)

    /// nil: the nodes remember nothing.
    let collector: TraceCollector?
    let inventory: Inventory
    let directory: NodeDirectory

    func add(to routes: inout RouteTable) {
        routes.on("/api/messages/{id}", [.get: self.get])
    }

    @Sendable private func get(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        guard let id = PublicationID(try context.parameter("id")) else {
            throw Problem(
                .notFound,
                "unknown-message",
                "The id of a message has 32 hexadecimal digits in lower case.",
                field: "id"
            )
        }
        guard let collector else {
            throw Problem(.notFound, "unknown-message", "This node remembers no messages (--trace-bytes off).", field: "id")
        }
        await self.inventory.refreshDirectory()
        let answers = await collector.ask(about: id, timeout: Self.timeout)
        guard let document = MessageTraceDocument(id, answers, directory: self.directory) else {
            throw Problem(.notFound, "unknown-message", self.reason(id, answers), field: "id")
        }
        return JSONBody.response(document)
    }

    /// Why no node knows the message.
    private func reason(_ id: PublicationID, _ answers: TraceCollector.Answers) -> String {
        func name(_ id: NodeID) -> String { self.directory.name(of: id) ?? id.description }
        let memories = answers.reports.map { node, report in
            "\(name(node)) " + (report.since.map { "back to \(Timestamp.milliseconds($0))" } ?? "none")
        }
        var texts = ["No node that answered remembers this message: it is unknown, or forgotten already (--trace-bytes)."]
        texts.append("Messages are remembered by \(memories.sorted().joined(separator: ", ")).")
        if !self.directory.expects(id.node) {
            texts.append("The node that would have published it, \(name(id.node)), is not running.")
        }
        if !answers.missing.isEmpty {
            texts.append("Nodes that did not answer: \(answers.missing.map(name).sorted().joined(separator: ", ")).")
        }
        return texts.joined(separator: " ")
    }
}
