/// The effects of one fault.
public struct FaultReport: Sendable {
    public let fault: Fault
    public var verdict: HistoryVerdict
    /// Nil where the fault has no reliable clients.
    public var reliable: ReliableVerdict?
    /// The time from the end of the fault until every node was ready, had sent its waiting messages, and got 200 with receipts of
    /// all nodes for a broadcast. Nil: not within ``Fault/recoveryBound``.
    public var recovery: Duration?
    public var longestGhost: Duration
    public var longestOutage: Duration

    public var isGood: Bool { self.verdict.violations.isEmpty && self.reliable?.violations.isEmpty ?? true }

    /// The head of the table, in Markdown.
    public static let head = """
        | fault | published | delivered | lost | of these reported | duplicates | out of order | recovered after | longest ghost | longest not ready |
        | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |
        """

    /// A line of the table: the maximums of several runs, and the sums of what was counted.
    public static func line(_ title: String, _ reports: [FaultReport]) -> String {
        let sum = { (value: (HistoryVerdict) -> Int) in "\(reports.reduce(0) { $0 + value($1.verdict) })" }
        let slowest = reports.contains { $0.recovery == nil } ? nil : reports.compactMap(\.recovery).max()
        let cells = [
            title, sum(\.publications), sum(\.deliveries), sum(\.lost), sum(\.announced), sum(\.duplicated), sum(\.reordered),
            slowest.map(Self.seconds) ?? "never", Self.seconds(reports.map(\.longestGhost).max() ?? .zero),
            Self.seconds(reports.map(\.longestOutage).max() ?? .zero),
        ]
        return "| " + cells.joined(separator: " | ") + " |"
    }

    /// The head of the table of reliable clients, in Markdown.
    public static let reliableHead = """
        | fault | connections | delivered | resumed | told | lost | twice | out of order | holes |
        | --- | --: | --: | --: | --: | --: | --: | --: | --: |
        """

    /// A line of the table of reliable clients: sums of several runs.
    public static func reliableLine(_ title: String, _ reports: [FaultReport]) -> String {
        let verdicts = reports.compactMap(\.reliable)
        let sum = { (value: (ReliableVerdict) -> Int) in "\(verdicts.reduce(0) { $0 + value($1) })" }
        let cells = [
            title, sum(\.connections), sum(\.deliveries), sum(\.resumptions), sum(\.told), sum(\.lost), sum(\.duplicated),
            sum(\.reordered), sum(\.holes),
        ]
        return "| " + cells.joined(separator: " | ") + " |"
    }

    /// With one decimal.
    public static func seconds(_ duration: Duration) -> String {
        let tenths = duration.components.seconds * 10 + duration.components.attoseconds / 100_000_000_000_000_000
        return "\(tenths / 10).\(tenths % 10) s"
    }
}
