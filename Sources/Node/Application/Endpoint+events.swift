import VolaryBackplane
import VolaryProtocol

extension Endpoint {
    /// `/events`: readers of a hub, with any token. They join the cluster as clients of `/ws` do, and send nothing.
    /// - Parameter application: of `/ws`.
    static func events(_ application: any Application, precision: Timestamp.Precision) -> Endpoint {
        Endpoint(
            path: EventStreamHandshake.path,
            hub: .parameter("hub"),
            access: .readers,
            joinsCluster: true,
            standard: SpokenProtocol(EventStreamProtocol(precision: precision)),
            subprotocols: [],
            application: application,
            groupLimits: .maximum
        )
    }
}
