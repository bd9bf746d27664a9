/// What ``HistoryChecker`` found.
public struct HistoryVerdict: Sendable {
    /// A promise that was not kept.
    public struct Violation: Hashable, Sendable, CustomStringConvertible {
        public enum Promise: String, Hashable, Sendable {
            case published, once, order, loss, receipt, answer, presence, connected, recovery, readiness
        }

        public let promise: Promise
        public let text: String

        public init(_ promise: Promise, _ text: String) {
            self.promise = promise
            self.text = text
        }

        public var description: String { "\(self.promise.rawValue): \(self.text)" }
    }

    public var publications = 0
    public var deliveries = 0
    /// How often a client was told that messages were lost, or may have been.
    public var notices = 0
    /// Deliveries that were owed and did not come; with those that were announced.
    public var lost = 0
    /// Those of them that the server has announced, in words or in numbers.
    public var announced = 0
    public var duplicated = 0
    /// Deliveries that came before one that another connection, or their publisher, had before them.
    public var reordered = 0
    public var violations: [Violation] = []
    /// Some of the losses that were announced, in words.
    public private(set) var announcements: [String] = []

    public init() {}

    mutating func violated(_ promise: Violation.Promise, _ text: String) {
        // A run that goes wrong goes wrong a thousand times: ten of a kind say it.
        guard self.violations.count(where: { $0.promise == promise }) < 10 else { return }
        self.violations.append(Violation(promise, text))
    }

    mutating func lostAsAnnounced(_ text: String) {
        self.announced += 1
        if self.announcements.count < 10 { self.announcements.append(text) }
    }

    public var brokenPromises: Set<Violation.Promise> { Set(self.violations.map(\.promise)) }
}
