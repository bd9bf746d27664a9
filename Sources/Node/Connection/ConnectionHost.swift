/// What all connections of a node share, whatever carries them. One instance.
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
