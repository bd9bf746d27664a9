import NIOConcurrencyHelpers
import VolaryNode

/// The operations of a hub, once its node has been created.
final class HubOperationsBox: Sendable {
    private let operations = NIOLockedValueBox<HubOperations?>(nil)

    func set(_ operations: HubOperations) { self.operations.withLockedValue { $0 = operations } }

    /// - Throws: ``VolaryNode/HubSendError/notStarted``.
    func get() throws(HubSendError) -> HubOperations {
        guard let operations = self.operations.withLockedValue({ $0 }) else { throw .notStarted }
        return operations
    }
}
