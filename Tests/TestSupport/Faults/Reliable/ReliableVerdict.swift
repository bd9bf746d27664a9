/// The result of ``ReliableChecker``.
public struct ReliableVerdict: Sendable {
    public struct Violation: Hashable, Sendable, CustomStringConvertible {
        public enum Guarantee: String, Hashable, Sendable {
            /// Only what was published, and not refused, is delivered, and only to its topic.
            case published
            case once, order, loss, answer
            /// Numbers are dense, and each has one message.
            case numbers
            /// No message is missing between two others.
            case hole
            /// A connection goes on.
            case resumption
        }

        public let guarantee: Guarantee
        public let text: String

        public var description: String { "reliable \(self.guarantee.rawValue): \(self.text)" }
    }

    public var connections = 0
    public var deliveries = 0
    public var resumptions = 0
    /// Connections whose clients were told that they cannot go on.
    public var told = 0
    public var lost = 0
    public var duplicated = 0
    public var reordered = 0
    public var holes = 0
    public private(set) var violations: [Violation] = []

    public init() {}

    mutating func violated(_ guarantee: Violation.Guarantee, _ text: String) {
        // A broken run has thousands of violations: ten of each kind are enough.
        guard self.violations.count(where: { $0.guarantee == guarantee }) < 10 else { return }
        self.violations.append(Violation(guarantee: guarantee, text: text))
    }

    public var violatedGuarantees: Set<Violation.Guarantee> { Set(self.violations.map(\.guarantee)) }
}
