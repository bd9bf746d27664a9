import NIOConcurrencyHelpers
import NIOCore

/// The open HTTP/2 connections of a node, so that a drain can tell all of them to accept no further streams. Used from any thread.
final class HTTP2Connections: Sendable {
    private typealias Bound = (eventLoop: any EventLoop, connection: NIOLoopBound<HTTP2Connection>)

    private let open = NIOLockedValueBox<[ObjectIdentifier: Bound]>([:])

    /// - Parameter connection: on the current event loop. ``remove(_:)`` must follow.
    func add(_ connection: HTTP2Connection, on eventLoop: any EventLoop) {
        let bound = NIOLoopBound(connection, eventLoop: eventLoop)
        self.open.withLockedValue { $0[ObjectIdentifier(connection)] = (eventLoop, bound) }
    }

    func remove(_ connection: HTTP2Connection) {
        _ = self.open.withLockedValue { $0.removeValue(forKey: ObjectIdentifier(connection)) }
    }

    /// See ``HTTP2Connection/acceptNoFurtherStreams()``. Returns at once.
    func acceptNoFurtherStreams() {
        for (eventLoop, connection) in self.open.withLockedValue({ Array($0.values) }) {
            eventLoop.execute { connection.value.acceptNoFurtherStreams() }
        }
    }
}
