import Metrics
import NIOCore

/// What became of an event for a handler, as a metric label.
enum EventOutcome: Int, CaseIterable, Sendable {
    case answered
    /// A status of 400 to 499. For `connect`: the client was refused.
    case refused
    /// Any other status but 200 to 299.
    case error
    case unreachable
    case timedOut
    case notAllowed
    case invalidAnswer
    case suspended
    case tooMany
    case stopped

    /// In kebab case: `not-allowed`.
    var text: String {
        "\(self)".reduce(into: "") { $0 += $1.isUppercase ? "-\($1.lowercased())" : String($1) }
    }
}

/// The label of ``EventMetrics``.
struct EventResult: MetricLabel, Hashable {
    /// `user`: an event of a client, whatever its name.
    static let kinds = SystemEvent.allCases.map(\.rawValue) + ["user"]

    static let all = kinds.indices.flatMap { kind in EventOutcome.allCases.map { EventResult(kind: kind, outcome: $0) } }

    /// Position in ``kinds``.
    private let kind: Int
    let outcome: EventOutcome

    private init(kind: Int, outcome: EventOutcome) {
        self.kind = kind
        self.outcome = outcome
    }

    init(_ kind: CloudEvent.Kind, _ outcome: EventOutcome) {
        let index: Int? =
            switch kind {
            case .system(let event): SystemEvent.allCases.firstIndex(of: event)
            case .user: nil
            }
        self.init(kind: index ?? Self.kinds.count - 1, outcome: outcome)
    }

    var index: Int { self.kind * EventOutcome.allCases.count + self.outcome.rawValue }

    var dimensions: [(String, String)] { [("event", Self.kinds[self.kind]), ("outcome", self.outcome.text)] }
}

/// Counts events for handlers and measures how long they take.
struct EventMetrics: Sendable {
    private let events: LabelledCounters<EventResult>
    private let retries: Counter
    private let seconds: Recorder

    init(factory: any MetricsFactory) {
        self.events = LabelledCounters("volary_events", factory: factory)
        self.retries = Counter(label: "volary_event_retries", factory: factory)
        self.seconds = Recorder(label: "volary_event_seconds", aggregate: true, factory: factory)
    }

    /// - Parameter time: from the event to the end of its last answer.
    func ended(_ kind: CloudEvent.Kind, _ outcome: EventOutcome, after time: TimeAmount) {
        self.events.increment(EventResult(kind, outcome))
        self.seconds.record(Double(time.nanoseconds) / 1e9)
    }

    func retried() { self.retries.increment() }
}
