import NIOConcurrencyHelpers
import VolaryBackplane
import VolaryProtocol

/// What this node remembers of messages: those that it has published, those that have arrived, and the connections that have
/// ended. In bounded memory; the oldest are forgotten first. Used from any thread.
///
/// A message costs one short lock when it is published, one when it arrives, and one when the last event loop has written it;
/// those that arrive together share the last two.
final class MessageTraces: Sendable {
    private let published: NIOLockedValueBox<TraceRing<PublishedTrace>>
    private let arrived: NIOLockedValueBox<TraceRing<ArrivedTrace>>
    private let ended: NIOLockedValueBox<TraceRing<EndedTrace>>
    /// Milliseconds since 1970, UTC.
    private let now: @Sendable () -> Int64

    /// - Parameter maximumBytes: of all memory together: half for arrived messages, three eighths for published ones, the rest for
    ///   connections.
    init(maximumBytes: Int, now: @escaping @Sendable () -> Int64) {
        self.published = NIOLockedValueBox(TraceRing(maximumBytes: maximumBytes / 8 * 3))
        self.arrived = NIOLockedValueBox(TraceRing(maximumBytes: maximumBytes / 2))
        self.ended = NIOLockedValueBox(TraceRing(maximumBytes: maximumBytes / 8))
        self.now = now
    }

    // MARK: - At the node that publishes

    /// - Returns: a number for ``accepted(_:_:)``.
    @discardableResult
    func published(_ publication: Publication) -> Int {
        let entry = PublishedTrace(publication: TracedPublication(publication))
        return self.published.withLockedValue { $0.append(entry) }
    }

    func accepted(_ number: Int, _ result: Result<PublishOutcome, BrokerError>) {
        let outcome: PublishedTrace.Outcome =
            switch result {
            case .success(.relayed(let receivers, let position)): .relayed(receivers: receivers, position)
            case .success(.degraded): .waiting
            case .failure(let error): .failed("\(error)")
            }
        self.published.withLockedValue { $0.change(number) { $0.outcome = outcome } }
    }

    // MARK: - At each node

    /// - Parameter hasAudience: whether event loops with connections of the audience get the publications.
    /// - Returns: the number of the first one.
    func arrived(_ publications: [PlacedPublication], hasAudience: Bool) -> Int {
        let now = self.now()
        return self.arrived.withLockedValue { ring in
            var last = 0
            for placed in publications {
                last = ring.append(
                    ArrivedTrace(
                        publication: TracedPublication(placed.publication),
                        position: placed.position,
                        time: now,
                        state: hasAudience ? .delivering : .noAudience
                    )
                )
            }
            return last - publications.count + 1
        }
    }

    func expired(_ publication: Publication, at position: Position?) {
        self.append(publication, at: position, .expired)
    }

    /// - Parameter count: sessions of this node that have got it, attached or not.
    func reachedSessions(_ publication: Publication, _ count: Int) {
        self.append(publication, at: nil, .sessions, connections: UInt32(clamping: count))
    }

    private func append(
        _ publication: Publication,
        at position: Position?,
        _ state: ArrivedTrace.State,
        connections: UInt32 = 0
    ) {
        let (entry, now) = (TracedPublication(publication), self.now())
        self.arrived.withLockedValue { ring in
            _ = ring.append(
                ArrivedTrace(publication: entry, position: position, time: now, state: state, connections: connections)
            )
        }
    }

    /// The queue of an event loop was full.
    func dropped(_ first: Int, _ publications: [PlacedPublication]) {
        self.arrived.withLockedValue { ring in
            for number in publications.indices { ring.change(first + number) { $0.fullQueues += 1 } }
        }
    }

    /// The last event loop has finished.
    func delivered(_ first: Int, _ publications: [PlacedPublication], _ reach: FanOutReach) {
        let now = self.now()
        self.arrived.withLockedValue { ring in
            for (number, placed) in publications.enumerated() {
                ring.change(first + number) { entry in
                    entry.state = .delivered
                    entry.finishedAt = now
                    entry.connections = reach.count(of: placed.publication.id)
                    entry.misses = reach.misses
                    entry.misses.withoutMessage += reach.omissions[placed.publication.id] ?? 0
                }
            }
        }
    }

    func ended(_ connection: Connection) {
        let entry = EndedTrace(
            id: connection.id,
            hub: connection.hub,
            user: connection.user,
            time: self.now(),
            ending: connection.transport.ending,
            violation: connection.violation
        )
        self.ended.withLockedValue { _ = $0.append(entry) }
    }

    // MARK: - Looking up

    /// What this node knows of a message.
    /// - Parameter facts: what other nodes know of it.
    func report(of id: PublicationID, _ facts: TraceFacts? = nil) -> TraceReport {
        let (published, oldestPublished) = self.published.withLockedValue { ring in
            (ring.newest(1) { $0.publication.id == id }.first, ring.oldest)
        }
        let (arrivals, oldestArrived) = self.arrived.withLockedValue { ring in
            (ring.newest(TraceReport.maximumArrivals) { $0.publication.id == id }, ring.oldest)
        }
        var report = TraceReport(
            published: published.map { TraceReport.Published($0) },
            arrivals: arrivals.map { TraceReport.Arrival($0) },
            since: [oldestPublished, oldestArrived].compactMap(\.self).min()
        )
        if let facts = report.facts ?? facts {
            let closed = Set(arrivals.flatMap(\.misses.closedIDs))
            let ends = self.ended.withLockedValue { ring in
                ring.newest(TraceReport.maximumEnds) { closed.contains($0.id) || $0.concerns(facts) }
            }
            report.ends = ends.map { TraceReport.End($0) }
        }
        return report
    }
}

extension EndedTrace {
    /// How long before a message its receiver may have left, to be named: a minute.
    private static let before: Int64 = 60_000

    /// Whether the end may be the reason why a client has not got a publication. Groups of connections that have ended are not
    /// known.
    fileprivate func concerns(_ facts: TraceFacts) -> Bool {
        guard self.hub.text == facts.hub, self.time >= facts.publishedAt - Self.before else { return false }
        return switch facts.audience.kind {
        case "connection": self.id.description == facts.audience.name
        case "user": self.user != nil && self.user?.text == facts.audience.name
        default: self.violation?.isOfSending == true && self.time >= facts.publishedAt
        }
    }
}
