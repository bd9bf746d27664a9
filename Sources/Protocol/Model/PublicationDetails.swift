/// Parts of a publication that most publications do not have.
///
/// An object, so that the publications without it stay small.
public final class PublicationDetails: Sendable {
    /// Maximum of connections that a publication leaves out: 1,000.
    public static let maximumExcluded = 1000

    /// User id of the sender, for receivers.
    public let senderUser: AudienceName?
    public let metadata: MessageMetadata
    /// For how many seconds after its timestamp the publication is delivered; nil: without limit.
    public let secondsToLive: UInt16?
    /// Connections of the audience that do not get it, at most ``maximumExcluded``, in ascending order.
    public let excluded: [ConnectionID]
    /// Which other connections of the audience get it; nil: all.
    public let filter: PubSubFilter?

    /// - Parameter excluded: in any order, at most ``maximumExcluded``.
    /// - Returns: nil if there are no details.
    public init?(
        senderUser: AudienceName? = nil,
        metadata: MessageMetadata = MessageMetadata(),
        secondsToLive: UInt16? = nil,
        excluded: Set<ConnectionID> = [],
        filter: PubSubFilter? = nil
    ) {
        precondition(excluded.count <= Self.maximumExcluded, "more exclusions than one envelope may carry")
        self.senderUser = senderUser
        self.metadata = metadata
        self.secondsToLive = secondsToLive
        self.excluded = excluded.sorted()
        self.filter = filter
        if senderUser == nil, metadata.isEmpty, secondsToLive == nil, excluded.isEmpty, filter == nil { return nil }
    }

    public func excludes(_ connection: ConnectionID) -> Bool {
        var (low, high) = (0, self.excluded.count)
        while low < high {
            let middle = (low + high) / 2
            if self.excluded[middle] == connection { return true }
            if self.excluded[middle] < connection { low = middle + 1 } else { high = middle }
        }
        return false
    }

    /// Whether some connections of the audience may not get the publication.
    public var isSelective: Bool { !self.excluded.isEmpty || self.filter != nil }
}

extension PublicationDetails: Hashable {
    public static func == (left: PublicationDetails, right: PublicationDetails) -> Bool {
        left === right
            || left.senderUser == right.senderUser && left.metadata == right.metadata && left.secondsToLive == right.secondsToLive
                && left.excluded == right.excluded && left.filter == right.filter
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.senderUser)
        hasher.combine(self.metadata)
        hasher.combine(self.secondsToLive)
        hasher.combine(self.excluded)
        hasher.combine(self.filter)
    }
}
