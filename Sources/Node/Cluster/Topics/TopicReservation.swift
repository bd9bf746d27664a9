import Atomics
import VolaryProtocol

/// The topics of a client whose handshake is not answered yet, subscribed to in advance: what is pushed to its user and to its groups then
/// reaches it from the first frame on.
///
/// Counted out with the last reference, unless a connection has taken them over: a client may go at any moment of its handshake.
final class TopicReservation: Sendable {
    /// Of the user and of the groups that it is to be in.
    let topics: [Topic]
    private let isHeld: ManagedAtomic<Bool>
    private let release: @Sendable ([Topic]) -> Void

    /// - Parameters:
    ///   - isHeld: whether a member of each topic is counted in, and each is live.
    ///   - release: counts one member of each out.
    init(_ topics: [Topic], isHeld: Bool, release: @escaping @Sendable ([Topic]) -> Void) {
        self.topics = topics
        self.isHeld = ManagedAtomic(isHeld)
        self.release = release
    }

    /// - Returns: whether the topics are live. Who gets true counts them out.
    func take() -> Bool { self.isHeld.exchange(false, ordering: .relaxed) }

    deinit {
        if self.take() { self.release(self.topics) }
    }
}
