import NIOCore
import VolaryProtocol

/// Publications of sessions are stored and pushed as the envelopes of all publications, so that nodes without sessions deliver them,
/// and sessions get what such nodes publish.
extension HubPublication {
    /// The envelope; nil if the filter is longer than an envelope may carry.
    ///
    /// Exclusions, filter and expiry are in its details. The expiry is in whole seconds there, rounded up.
    func envelope(origin: NodeID, sequence: UInt64) -> ByteBuffer? {
        let publication = self.publication
        var excluded = self.excluded.union(publication.details?.excluded ?? [])
        if self.excludesSender, let sender = publication.sender { excluded.insert(sender) }
        guard excluded.count <= PublicationDetails.maximumExcluded else { return nil }
        var filter = publication.details?.filter
        if let condition = self.filter {
            let text = UTF8Text(condition.expression)
            filter = text.utf8.count <= PubSubFilter.maximumBytes ? try? PubSubFilter(parsing: text) : nil
            guard filter != nil else { return nil }
        }
        let details = PublicationDetails(
            senderUser: publication.details?.senderUser,
            metadata: publication.details?.metadata ?? MessageMetadata(),
            secondsToLive: self.secondsToLive,
            excluded: excluded,
            filter: filter
        )
        let stored = Publication(
            id: publication.id,
            kind: publication.kind,
            sender: publication.sender,
            hub: publication.hub,
            audience: publication.audience,
            dataType: publication.dataType,
            timestamp: publication.timestamp,
            confirmation: publication.confirmation,
            details: details,
            payload: publication.payload
        )
        return Envelope(origin: origin, sequence: sequence, message: .publication(stored)).encoded()
    }

    /// At least 1; nil without an expiry, or for one that comes after every log's age.
    private var secondsToLive: UInt16? {
        self.expiresAt.flatMap { UInt16(exactly: max($0 - self.publication.timestamp + 999, 1000) / 1000) }
    }
}
