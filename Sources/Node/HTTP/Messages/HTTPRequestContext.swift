import Logging

/// Information about a request that is not part of the request itself. Middleware passes it on and may add to it.
struct HTTPRequestContext: Sendable {
    /// A number for the log, unique within the process.
    let id: UInt64
    private let baseLogger: Logger
    /// The authenticated caller; nil if this node or this path requires no authentication. Set by ``AccessMiddleware``.
    var principal: Principal?
    /// The matched route. Set by ``RouteTable``.
    var route = RequestRoute.other
    /// Set by ``RouteTable``.
    var parameters: [PathParameter] = []

    init(id: UInt64 = 0, logger: Logger) {
        self.id = id
        self.baseLogger = logger
    }

    /// A logger that adds the request's id to each line.
    var logger: Logger {
        var logger = self.baseLogger
        logger[metadataKey: LogKey.request] = "\(self.id)"
        return logger
    }

    /// A path parameter, percent-decoded.
    /// - Throws: ``Problem`` 404 when the route's template has no parameter with this name.
    func parameter(_ name: String) throws(Problem) -> String {
        guard let parameter = self.parameters.first(where: { $0.name == name }) else { throw .unknownPath }
        return parameter.value
    }
}
