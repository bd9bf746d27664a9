import Logging

/// What is known of a request beside the request itself. Handed from middleware to middleware to the route, each of which may add to it.
struct HTTPRequestContext: Sendable {
    /// Different for every request of the process, for the log.
    let id: UInt64
    /// Who is at the other end of the socket, or whom a trusted proxy named in its PROXY header; nil for a socket of the file system.
    let peer: IPAddress?
    private let baseLogger: Logger
    /// Who calls; nil: nobody has to say who they are on this node, or on this path. Set by ``AccessMiddleware``.
    var principal: Principal?
    /// The route that was found. Set by ``RouteTable``.
    var route = RequestRoute.other
    /// Set by ``RouteTable``.
    var parameters: [PathParameter] = []

    init(id: UInt64 = 0, peer: IPAddress? = nil, logger: Logger) {
        self.id = id
        self.peer = peer
        self.baseLogger = logger
    }

    /// Names the request in each line.
    var logger: Logger {
        var logger = self.baseLogger
        logger[metadataKey: LogKey.request] = "\(self.id)"
        return logger
    }

    /// A parameter of the path, without its percent-encoding.
    /// - Throws: ``Problem`` 404 when the route's template has no parameter of that name.
    func parameter(_ name: String) throws(Problem) -> String {
        guard let parameter = self.parameters.first(where: { $0.name == name }) else { throw .unknownPath }
        return parameter.value
    }
}
