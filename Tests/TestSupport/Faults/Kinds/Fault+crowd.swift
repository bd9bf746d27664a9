extension Fault {
    /// Misbehaving clients of a cluster without any other fault.
    static let crowd = [
        Fault(
            "crowd",
            "floods, joins, slow readers and abrupt disconnects, all at once for 5 s",
            suffering: [],
            options: Crowd.options,
            hasUnrecordedClients: true
        ) { cluster in
            try await Crowd.run(cluster.nodes, for: .seconds(5))
        }
    ]
}
