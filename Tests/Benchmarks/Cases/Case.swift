/// One operation that is measured.
public struct Case: Sendable {
    public let name: String
    /// The unit of ``count``.
    public let unit: String
    /// How many units are in one round.
    public let count: Int
    /// Prepares the operation, and returns it as a function of a number of rounds.
    public let prepare: @Sendable () -> (Int) -> Void

    init(_ name: String, _ unit: String, count: Int = 1, prepare: @escaping @Sendable () -> (Int) -> Void) {
        self.name = name
        self.unit = unit
        self.count = count
        self.prepare = prepare
    }

    public static let all: [Case] =
        EnvelopeCases.all + FrameCases.all + ReplyCases.all + FanOutCases.all + HopCases.all
        + ReliableCases.all
}

/// Prevents the optimizer from removing an unused value.
@inline(never)
func use<Value>(_ value: borrowing Value) {}
