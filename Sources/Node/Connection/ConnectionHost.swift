/// Objects that all connections of a node share, on any transport. One instance per node.
final class ConnectionHost: Sendable {
    let connections: ConnectionManager
    let settings: ConnectionSettings
    let observer: any ConnectionObserver
    /// nil: nothing is remembered of connections that have ended.
    let traces: MessageTraces?

    init(
        connections: ConnectionManager,
        settings: ConnectionSettings,
        observer: any ConnectionObserver,
        traces: MessageTraces? = nil
    ) {
        self.connections = connections
        self.settings = settings
        self.observer = observer
        self.traces = traces
    }
}
