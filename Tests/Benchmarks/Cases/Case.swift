/// One piece of work that is measured.
public struct Case: Sendable {
    public let name: String
    /// What ``count`` counts.
    public let unit: String
    /// So many of them are in one round.
    public let count: Int
    /// Makes what the work needs, and gives back the work: called with a number of rounds.
    public let prepare: @Sendable () -> (Int) -> Void

    init(_ name: String, _ unit: String, count: Int = 1, prepare: @escaping @Sendable () -> (Int) -> Void) {
        self.name = name
        self.unit = unit
        self.count = count
        self.prepare = prepare
    }

    public static let all: [Case] = EnvelopeCases.all + FrameCases.all + ReplyCases.all + FanOutCases.all + HopCases.all
}

/// What the optimiser must believe to be used.
@inline(never)
func use<Value>(_ value: borrowing Value) {}
