import VolaryProtocol

/// A metric that is read when it is asked for. A name that ends with `_total` is written as a counter.
struct Gauge: Sendable {
    struct Series: Sendable {
        /// Label names and values.
        var dimensions: [(String, String)] = []
        let value: Int
        /// The value is shown divided by this.
        var unit = 1

        var text: String { self.unit == 1 ? "\(self.value)" : "\(Double(self.value) / Double(self.unit))" }
    }

    let name: String
    let series: [Series]

    init(_ name: String, _ value: Int, per unit: Int = 1) {
        self.name = name
        self.series = [Series(value: value, unit: unit)]
    }

    init(_ name: String, _ series: [Series]) {
        self.name = name
        self.series = series
    }
}

extension Gauge {
    /// Hubs with a series of their own, those with the most connections: 100. The names of hubs come from clients, and Prometheus
    /// keeps a series for each.
    static let maximumHubs = 100
    /// The label of all hubs without a series of their own, and of a hub of this name.
    private static let otherHubs = "other"

    /// A series for each hub.
    static func hubs(_ name: String, _ counts: [HubName: Int]) -> Gauge {
        var series: [Series] = []
        var rest = 0
        for (hub, count) in counts.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            if series.count < Self.maximumHubs, hub.text != Self.otherHubs {
                series.append(Series(dimensions: [("hub", hub.text)], value: count))
            } else {
                rest += count
            }
        }
        if rest > 0 { series.append(Series(dimensions: [("hub", Self.otherHubs)], value: rest)) }
        return Gauge(name, series)
    }
}
