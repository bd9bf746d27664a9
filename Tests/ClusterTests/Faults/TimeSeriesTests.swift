import TestSupport
import Testing

/// What deploy/soak judges leaks by.
@Suite
struct TimeSeriesTests {
    private static func series(_ values: [Double]) -> TimeSeries {
        var series = TimeSeries()
        for (index, value) in values.enumerated() { series.add(value, atMinute: Double(index) / 2) }
        return series
    }

    @Test
    func `The slope is that of a line, per minute, and the rise that of the line from the first point to the last`() {
        let line = Self.series([10, 11, 12, 13])
        #expect(abs(line.slope - 2) < 1e-9)
        #expect(abs(line.rise - 3) < 1e-9)
        let around = Self.series([10, 13, 10, 13])
        #expect(abs(around.slope - 1.2) < 1e-9)
    }

    @Test
    func `What rises at first and then stays has no slope in its second half`() {
        let settled = Self.series([1, 40, 50, 50, 50])
        #expect(settled.slope > 0)
        #expect(settled.secondHalf.points.map(\.value) == [50, 50, 50])
        #expect(settled.secondHalf.slope == 0)
    }

    @Test(arguments: [[], [7], [7, 7]])
    func `Where nothing changes, or nothing is known, nothing rises`(values: [Double]) {
        let series = Self.series(values)
        #expect(series.slope == 0 && series.rise == 0)
        #expect(series.maximum == values.max())
    }
}
