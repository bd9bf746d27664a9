import Metrics

/// The values that the labels of one metric may have: a set that is fixed when the program is compiled. Nothing that a user chose, such as a
/// path, a name or an address, becomes a label: each value is a series that Prometheus keeps.
protocol MetricLabel: Sendable {
    /// In the order of their indexes.
    static var all: [Self] { get }
    /// From 0 on.
    var index: Int { get }
    /// Names and values.
    var dimensions: [(String, String)] { get }
}

extension MetricLabel where Self: CaseIterable & RawRepresentable, RawValue == Int {
    static var all: [Self] { Array(self.allCases) }
    var index: Int { self.rawValue }
}

/// A counter for each value of a label, made once: counting costs an index into an array and an atomic addition.
struct LabelledCounters<Label: MetricLabel>: Sendable {
    private let counters: [Counter]

    init(_ name: String, factory: any MetricsFactory) {
        self.counters = Label.all.map { Counter(label: name, dimensions: $0.dimensions, factory: factory) }
    }

    func increment(_ label: Label) { self.counters[label.index].increment() }
}
