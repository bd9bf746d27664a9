import Testing

@testable import VolaryNode

/// Times and sizes as people write them.
@Suite
struct TextFormTests {
    @Test(arguments: [
        ("0ms", Duration.zero), ("250ms", .milliseconds(250)), ("5s", .seconds(5)), ("0s", .zero), ("2m", .seconds(120)),
        ("1h", .seconds(3600)), ("007s", .seconds(7)), ("999999999h", .seconds(999_999_999 * 3600)),
    ])
    func `A time is a whole number and its unit`(text: String, time: Duration) {
        #expect(DurationText.parse(text) == time)
    }

    @Test(arguments: [
        "", "5", "s", "ms", " 5s", "5 s", "5s ", "-5s", "+5s", "5.5s", "5S", "5sec", "5d", "5us", "1m30s", "1000000000s", "٥s",
        "0x5s",
        "½s",
    ])
    func `Other texts are no times`(text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test(arguments: [
        (Duration.zero, "0s"), (.milliseconds(1), "1ms"), (.milliseconds(1500), "1500ms"), (.seconds(1), "1s"),
        (.seconds(59), "59s"),
        (.seconds(60), "1m"), (.seconds(61), "61s"), (.seconds(3600), "1h"), (.seconds(5400), "90m"),
        (.microseconds(1900), "1ms"),
        (.microseconds(5), "0s"),
    ])
    func `A time is shown in the largest unit that leaves nothing over`(time: Duration, text: String) {
        #expect(DurationText.format(time) == text)
    }

    @Test(arguments: [
        ("0", 0), ("512", 512), ("1KiB", 1024), ("64KiB", 65_536), ("1MiB", 1_048_576), ("999999999MiB", 999_999_999 << 20),
    ])
    func `A size is a whole number and its unit`(text: String, bytes: Int) {
        #expect(ByteSizeText.parse(text) == bytes)
    }

    @Test(arguments: [
        "", "KiB", "1 KiB", " 1KiB", "1KiB ", "-1", "+1", "1.5MiB", "1KB", "1kib", "1K", "1M", "1GiB", "1B", "1000000000", "１",
    ])
    func `Other texts are no sizes`(text: String) {
        #expect(ByteSizeText.parse(text) == nil)
    }

    @Test(arguments: [
        (0, "0"), (1, "1"), (1023, "1023"), (1024, "1KiB"), (1025, "1025"), (1 << 20, "1MiB"), ((1 << 20) + 1024, "1025KiB"),
        (1 << 30, "1024MiB"),
    ])
    func `A size is shown in the largest unit that leaves nothing over`(bytes: Int, text: String) {
        #expect(ByteSizeText.format(bytes) == text)
    }

    @Test func `What is shown reads back`() {
        for _ in 0..<200 {
            let milliseconds = Int64.random(in: 0...10_000_000)
            #expect(DurationText.parse(DurationText.format(.milliseconds(milliseconds))) == .milliseconds(milliseconds))
            let bytes = Int.random(in: 0...1_000_000) * [1, 1024, 1 << 20].randomElement()!
            if bytes < 1_000_000_000 { #expect(ByteSizeText.parse(ByteSizeText.format(bytes)) == bytes) }
        }
    }
}
