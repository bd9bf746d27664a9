import Metrics

/// The possible label values of one metric: a set that is fixed at compile time. Values chosen by users, such as paths, names or
/// addresses, are never labels, because Prometheus keeps a series for each value. The only exceptions are bounded: ``Gauge/hubs(_:_:)``
/// and ``HubRefusals``.
protocol MetricLabel: Sendable {
    /// All values, in the order of their indexes.
    static var all: [Self] { get }
    /// Position in ``all``, from 0.
    var index: Int { get }
    /// Label names and values.
    var dimensions: [(String, String)] { get }
}

extension MetricLabel where Self: CaseIterable & RawRepresentable, RawValue == Int {
    static var all: [Self] { Array(self.allCases) }
    var index: Int { self.rawValue }

    /// The name of the case: `origin-not-allowed`.
    var kebabCase: String {
        "\(self)".reduce(into: "") { text, character in
            text += character.isUppercase ? "-\(character.lowercased())" : String(character)
        }
    }
}

/// One counter for each label value, made at start. Counting costs an array index and an atomic addition.
struct LabelledCounters<Label: MetricLabel>: Sendable {
    private let counters: [Counter]

    init(_ name: String, factory: any MetricsFactory) {
        self.counters = Label.all.map { Counter(label: name, dimensions: $0.dimensions, factory: factory) }
    }

    func increment(_ label: Label) { self.counters[label.index].increment() }
}
