import NIOConcurrencyHelpers

/// The endpoints of the routes in the file of hubs. They follow the file when it is read again. Open connections keep theirs.
final class PubSubRoutes: Sendable {
    private let configuration: EventConfiguration
    private let application: any Application
    private let protocols: PubSubProtocols
    private let made: NIOLockedValueBox<(table: HubTable, endpoints: [Endpoint])>

    init(_ configuration: EventConfiguration, _ application: any Application, _ protocols: PubSubProtocols) {
        self.configuration = configuration
        self.application = application
        self.protocols = protocols
        self.made = NIOLockedValueBox((HubTable(), []))
    }

    var endpoints: [Endpoint] {
        let table = self.configuration.table
        return self.made.withLockedValue { made in
            if made.table != table {
                let endpoints = table.hubs.flatMap { hub, settings in
                    settings.routes.map { Endpoint.route($0, to: hub, self.application, self.protocols) }
                }
                made = (table, endpoints)
            }
            return made.endpoints
        }
    }
}
