import NIOConcurrencyHelpers
import VolaryCommand
public import VolaryNode
import VolaryProtocol

/// A node of an application: `volary` with hubs.
///
///     @main
///     enum Program {
///         static func main() async {
///             let node = HubNode()
///             node.add("chat", Chat(rooms: Rooms()))
///             await node.main()
///         }
///     }
public final class HubNode: Sendable {
    private let added = NIOLockedValueBox<[ServedHub]>([])

    public init() {}

    /// Adds a hub, which is served at `/hubs/{name}`.
    /// - Parameters:
    ///   - name: of no other hub, and valid: ``VolaryProtocol/HubName/rule``.
    ///   - requiresUser: whether only clients with a user may connect.
    ///   - filters: the first one is outermost.
    /// - Returns: the hub for code that no client has called.
    @discardableResult
    public func add<H: Hub>(
        _ name: String,
        requiresUser: Bool = false,
        filters: [any HubFilter] = [],
        _ hub: H
    ) -> HubContext<H.Client> {
        self.add(name, requiresUser: requiresUser, filters: filters) { _ in hub }
    }

    /// Adds a hub that also acts by itself.
    /// - Parameter make: creates the hub. The context is of use once the node runs.
    @discardableResult
    public func add<H: Hub>(
        _ name: String,
        requiresUser: Bool = false,
        filters: [any HubFilter] = [],
        _ make: (HubContext<H.Client>) -> H
    ) -> HubContext<H.Client> {
        guard let hubName = HubName(name) else { preconditionFailure("the name of a hub \(HubName.rule)") }
        let operations = HubOperationsBox()
        let context = HubContext<H.Client>(operations)
        let hub = ServedHub(
            hubName,
            TypedDispatcher(make(context), operations, filters: filters),
            requiresUser: requiresUser
        )
        self.added.withLockedValue { added in
            precondition(!added.contains { $0.name == hubName }, "there are two hubs '\(name)'")
            added.append(hub)
        }
        return context
    }

    /// What was added, for a node that the application creates itself.
    public var hubs: [ServedHub] { self.added.withLockedValue { $0 } }

    /// Runs the node with the options of `volary serve`: command line, environment, file. Returns at the end of the process's work; ends the
    /// process with the exit status of `volary` when the node cannot start.
    public func main() async { await NodeProgram.main(hubs: self.hubs) }
}
