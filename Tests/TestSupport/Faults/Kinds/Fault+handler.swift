/// Faults of the event handler. Each client asks it ten times a second, and repeats what fails.
extension Fault {
    static let handler = [
        Self.handler("handler-down", "the event handler closes connections without an answer for 3 s", .down),
        Self.handler("handler-slow", "the event handler answers a second late for 3 s", .slow),
        Self.handler("handler-garbage", "the event handler answers garbage for 3 s", .garbage),
        Fault(
            "handler-node-killed",
            "kill -9 of a node while clients ask the event handler; restarted at once",
            isFast: false,
            suffering: ["c"],
            killed: ["c"],
            habits: .asking
        ) { cluster in
            try await cluster.nodes[2].restart()
        },
    ]

    private static func handler(_ name: String, _ title: String, _ manner: FaultHandler.Manner) -> Fault {
        Fault(name, title, isFast: false, suffering: [], habits: .asking) { cluster in
            guard let handler = cluster.handler else { throw FaultError("There is no handler") }
            handler.set(manner)
            try await Task.sleep(for: .seconds(3))
            handler.set(.well)
            try Self.prove("the handler was not asked", handler.disturbed > 0)
        }
    }
}
