extension Fault {
    /// The kinds of bad traffic of deploy/soak, for a cluster with tokens; sixteen clients each. Every node must stay ready.
    /// - Parameter time: the duration of each kind.
    public static func badTraffic(for time: Duration) -> [Fault] {
        let names = ["pings", "echoes", "texts", "fragments", "compressed", "mixed"]
        let titles = [
            "empty pings", "texts of one letter to `/echo`", "texts of one letter without permission",
            "empty fragments", "compressed texts of one letter to `/echo`", "all these kinds",
        ]
        let kinds = BadTraffic.floods.map { [$0] } + [BadTraffic.floods]
        return zip(zip(names, titles), kinds).flatMap { text, kinds in
            [
                Self.bad(text.0, "flood: \(text.1)", time) { try await BadTraffic.flood(kinds, $0, for: $1) },
                Self.bad("\(text.0)-half-closed", "the same, half-closed after 1.2 MB and started again", time) {
                    try await BadTraffic.floodAndEndHalf(kinds, $0, for: $1)
                },
            ]
        } + [
            Self.bad("vanishing", "abrupt disconnects at any point of a handshake or a message", time) {
                try await BadTraffic.disconnectAbruptly($0, for: $1)
            },
            Self.bad("slow-readers", "clients that do not read", time) { try await BadTraffic.readNothing($0, for: $1) },
            Self.bad("refused", "handshakes that are refused", time) { try await BadTraffic.sendRefusedHandshakes($0, for: $1) },
            Self.bad("malformed", "invalid HTTP, invalid frames", time) {
                try await BadTraffic.sendMalformedBytes($0, for: $1)
            },
            Self.bad("pushes", "REST pushes to groups without members", time) {
                try await BadTraffic.pushToEmptyGroups($0, for: $1)
            },
        ]
    }

    private static func bad(
        _ name: String,
        _ title: String,
        _ time: Duration,
        _ inject: @escaping @Sendable ([FaultNode], Duration) async throws -> Void
    ) -> Fault {
        Fault(name, title, suffering: [], options: BadTraffic.options, hasUnrecordedClients: true) { cluster in
            try await inject(cluster.nodes, time)
        }
    }
}
