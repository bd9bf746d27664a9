import VolaryProtocol

@testable import VolaryBackplane

/// A client of a session without a node.
final class NamedClient: SessionClient {
    let id: ConnectionID

    init(_ id: ConnectionID) {
        self.id = id
    }

    func permissionsChanged(_ permissions: Set<UTF8Text>) {}
    func ended(_ ending: SessionEnding) {}
}
