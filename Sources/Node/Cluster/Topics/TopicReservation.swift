import Atomics
import VolaryProtocol

/// The topics of a client whose handshake is not answered yet. The node subscribes to them in advance, so that messages to the
/// client's hub, user and groups reach it from the first frame on.
///
/// Deallocation releases the topics unless a connection has taken them: a client may disconnect at any moment of its handshake.
final class TopicReservation: Sendable {
    /// The topics of the hub, of the user, and of the groups that the client will join.
    let topics: [Topic]
    private let isHeld: ManagedAtomic<Bool>
    private let release: @Sendable ([Topic]) -> Void

    /// - Parameters:
    ///   - isHeld: whether a member was added to each topic and all subscriptions are confirmed.
    ///   - release: removes one member from each topic.
    init(_ topics: [Topic], isHeld: Bool, release: @escaping @Sendable ([Topic]) -> Void) {
        self.topics = topics
        self.isHeld = ManagedAtomic(isHeld)
        self.release = release
    }

    /// Whether the subscriptions are confirmed, and no connection has taken the topics.
    var isConfirmed: Bool { self.isHeld.load(ordering: .relaxed) }

    /// - Returns: whether the subscriptions are confirmed. A caller that gets true must release the topics.
    func take() -> Bool { self.isHeld.exchange(false, ordering: .relaxed) }

    deinit {
        if self.take() { self.release(self.topics) }
    }
}
