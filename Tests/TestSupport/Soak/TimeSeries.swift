/// One quantity over time.
public struct TimeSeries: Sendable {
    public struct Point: Sendable {
        public var minutes: Double
        public var value: Double

        public init(minutes: Double, value: Double) {
            self.minutes = minutes
            self.value = value
        }
    }

    public private(set) var points: [Point] = []

    public init() {}

    public mutating func add(_ value: Double, atMinute minutes: Double) {
        self.points.append(Point(minutes: minutes, value: value))
    }

    public var first: Double? { self.points.first?.value }
    public var last: Double? { self.points.last?.value }
    public var maximum: Double? { self.points.map(\.value).max() }

    /// Without its first half, in which caches and logs fill up.
    public var secondHalf: TimeSeries {
        var half = self
        half.points.removeFirst(self.points.count / 2)
        return half
    }

    /// Of the line that fits best (least squares), per minute; 0 where the points do not give one.
    public var slope: Double {
        let count = Double(self.points.count)
        let time = self.points.reduce(0) { $0 + $1.minutes } / max(count, 1)
        let value = self.points.reduce(0) { $0 + $1.value } / max(count, 1)
        let spread = self.points.reduce(0) { $0 + ($1.minutes - time) * ($1.minutes - time) }
        guard spread > 0 else { return 0 }
        return self.points.reduce(0) { $0 + ($1.minutes - time) * ($1.value - value) } / spread
    }

    /// How much the line that fits best rises from the first point to the last.
    public var rise: Double {
        guard let first = self.points.first, let last = self.points.last else { return 0 }
        return self.slope * (last.minutes - first.minutes)
    }
}
