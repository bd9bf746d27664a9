extension Fault {
    /// What clients do to a cluster in which nothing else is wrong.
    static let crowd = [
        Fault(
            "crowd",
            "floods, joins, slow readers and clients that leave in the middle, all at once for 5 s",
            suffering: [],
            options: Crowd.options,
            bringsStrangers: true
        ) { cluster in
            try await Crowd.visit(cluster.nodes, for: .seconds(5))
        }
    ]
}
