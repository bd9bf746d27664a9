import VolaryProtocol

/// How often each hub was refused something, by quota. Pure.
struct HubRefusals {
    /// Hubs with counts of their own, the first ones that were refused something: 100. All others are counted together, because the
    /// names of hubs come from outside and Prometheus keeps a series for each.
    static let maximumHubs = 100
    private static let otherHubs = "other"

    private var counts: [String: [HubQuota: Int]] = [:]

    mutating func add(_ quota: HubQuota, of hub: HubName) {
        let isKnown = self.counts[hub.text] != nil || self.counts.count < Self.maximumHubs
        self.counts[isKnown ? hub.text : Self.otherHubs, default: [:]][quota, default: 0] += 1
    }

    var gauge: Gauge {
        let series = self.counts.sorted { $0.key < $1.key }.flatMap { hub, counts in
            HubQuota.allCases.compactMap { quota in
                counts[quota].map { Gauge.Series(dimensions: [("hub", hub), ("reason", "\(quota)")], value: $0) }
            }
        }
        return Gauge("volary_hub_refusals_total", series)
    }
}
