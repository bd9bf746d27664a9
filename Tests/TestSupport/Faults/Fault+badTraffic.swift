extension Fault {
    /// What deploy/soak lets loose on a cluster with tokens, sixteen clients of one kind after the other. No node may stop being ready.
    /// - Parameter time: of each.
    public static func badTraffic(for time: Duration) -> [Fault] {
        let floods = ["pings", "echoes", "texts", "fragments", "compressed"]
        let titles = [
            "empty pings", "texts of one letter to `/echo`", "texts of one letter without permission",
            "empty fragments", "compressed texts of one letter to `/echo`",
        ]
        return zip(zip(floods, titles), BadTraffic.floods).map { names, flood in
            Self.bad(names.0, "flood: \(names.1)", time) { try await BadTraffic.flood([flood], $0, for: $1) }
        } + [
            Self.bad("mixed", "floods of all these kinds", time) { try await BadTraffic.flood(BadTraffic.floods, $0, for: $1) },
            Self.bad("half-closed", "floods of all these kinds, each ends its half after 1.2 MB and comes again", time) {
                try await BadTraffic.floodAndEndHalf($0, for: $1)
            },
            Self.bad("vanishing", "connect and vanish, at any point of a handshake or a message", time) {
                try await BadTraffic.vanish($0, for: $1)
            },
            Self.bad("slow-readers", "read nothing", time) { try await BadTraffic.readNothing($0, for: $1) },
            Self.bad("refused", "handshakes that are refused", time) { try await BadTraffic.beRefused($0, for: $1) },
            Self.bad("malformed", "bytes that are no HTTP, frames that are no frames", time) {
                try await BadTraffic.breakRules($0, for: $1)
            },
            Self.bad("pushes", "REST pushes to groups without members", time) { try await BadTraffic.pushToNobody($0, for: $1) },
        ]
    }

    private static func bad(
        _ name: String,
        _ title: String,
        _ time: Duration,
        _ happen: @escaping @Sendable ([FaultNode], Duration) async throws -> Void
    ) -> Fault {
        Fault(name, title, suffering: [], options: BadTraffic.options, bringsStrangers: true) { cluster in
            try await happen(cluster.nodes, time)
        }
    }
}
