/// Objects that all connections of a node share, on any transport. One instance per node.
final class ConnectionHost: Sendable {
    let connections: ConnectionManager
    let settings: ConnectionSettings
    let observer: any ConnectionObserver

    init(connections: ConnectionManager, settings: ConnectionSettings, observer: any ConnectionObserver) {
        self.connections = connections
        self.settings = settings
        self.observer = observer
    }
}
