/// The result of ``HistoryChecker``.
public struct HistoryVerdict: Sendable {
    /// A violation of a guarantee.
    public struct Violation: Hashable, Sendable, CustomStringConvertible {
        public enum Guarantee: String, Hashable, Sendable {
            case published, once, order, loss, receipt, answer, presence, connected, recovery, readiness
        }

        public let guarantee: Guarantee
        public let text: String

        public init(_ guarantee: Guarantee, _ text: String) {
            self.guarantee = guarantee
            self.text = text
        }

        public var description: String { "\(self.guarantee.rawValue): \(self.text)" }
    }

    public var publications = 0
    public var deliveries = 0
    /// How often a client was told that messages were lost, or may have been.
    public var notices = 0
    /// Guaranteed deliveries that are missing, including the reported ones.
    public var lost = 0
    /// Those of them that the server has reported, in notices or metrics.
    public var announced = 0
    public var duplicated = 0
    /// Deliveries out of order: before one that another connection or the publisher had first.
    public var reordered = 0
    public var violations: [Violation] = []
    /// Descriptions of some reported losses.
    public private(set) var announcements: [String] = []

    public init() {}

    mutating func violated(_ guarantee: Violation.Guarantee, _ text: String) {
        // A broken run has thousands of violations: ten of each kind are enough.
        guard self.violations.count(where: { $0.guarantee == guarantee }) < 10 else { return }
        self.violations.append(Violation(guarantee, text))
    }

    mutating func lostAsAnnounced(_ text: String) {
        self.announced += 1
        if self.announcements.count < 10 { self.announcements.append(text) }
    }

    public var violatedGuarantees: Set<Violation.Guarantee> { Set(self.violations.map(\.guarantee)) }
}
