import NIOCore
import VolaryProtocol

/// The work that other threads have queued for a ``ConnectionShard``.
struct ShardQueue {
    enum Work {
        case fanOut(FanOut)
        /// Finishes when the bytes have been handed to the kernel, or after the given time.
        case written(FanOut, TimeAmount)
        case request(@Sendable (ConnectionShard) -> Void)
    }

    var work: [Work] = []
    var bytes = 0
    /// Bytes of what was taken and needs further turns.
    var takenBytes = 0
    var requests = 0
    var lost = LostPublications()
    /// Creates the notice for an audience that lost the given number of publications; nil for an unknown number.
    var lossNotice: (@Sendable (HubAudience, Int?) -> Publication)?

    /// Empties the queue.
    mutating func take() -> Taken {
        defer {
            self.work = []
            (self.bytes, self.requests) = (0, 0)
            self.lost = LostPublications()
        }
        return Taken(work: self.work[...], bytes: self.bytes, lost: self.lost)
    }

    /// What was in the queue and is not done yet.
    struct Taken {
        var work: ArraySlice<Work>
        let bytes: Int
        let lost: LostPublications
        /// A fan-out that the next ones may still join.
        var joined: FanOut?
        /// A fan-out that some connections have got.
        var partial: PartialFanOut?
        /// The time of all turns.
        var took = TimeAmount.zero
        /// Whether more work has been queued.
        var hasNewWork = false

        var isDone: Bool { self.work.isEmpty && self.joined == nil && self.partial == nil }
    }
}
