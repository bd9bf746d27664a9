import Metrics
import TestSupport
import Testing

@testable import VolaryNode

/// Metrics in Prometheus' text format.
@Suite
struct MetricsRegistryTests {
    @Test
    func `Families are in one piece, with HELP and TYPE once, and labels are escaped`() throws {
        let registry = MetricsRegistry(help: ["a_total": "A \\ and\nanother line.", "b": "B.", "g": "G."])
        let plain = Counter(label: "a", factory: registry)
        let labelled = Counter(label: "a", dimensions: [("x", "say \"\\\n"), ("y", "2")], factory: registry)
        Timer(label: "b", dimensions: [("x", "1")], factory: registry).recordNanoseconds(1_500_000_000)
        plain.increment(by: 3)
        labelled.increment()
        let text = registry.text(gauges: [Gauge("g", -1)])
        #expect(
            text == """
                # HELP a_total A \\\\ and\\nanother line.
                # TYPE a_total counter
                a_total 3
                a_total{x="say \\"\\\\\\n",y="2"} 1
                # HELP b B.
                # TYPE b summary
                b_count{x="1"} 1
                b_sum{x="1"} 1.5
                # HELP g G.
                # TYPE g gauge
                g -1

                """
        )
        #expect(throws: Never.self) { try Exposition(text) }
    }

    @Test
    func `A recorder that aggregates is a histogram of seconds`() throws {
        let registry = MetricsRegistry(help: ["h": "H."])
        let recorder = Recorder(label: "h", dimensions: [("x", "1")], aggregate: true, factory: registry)
        for value in [0.004, 0.005, 0.3, 1000] { recorder.record(value) }
        let exposition = try Exposition(registry.text(gauges: []))
        #expect(exposition.families.map(\.type) == ["histogram"])
        for (bound, count) in [("0.005", 2.0), ("0.25", 2), ("0.5", 3), ("100.0", 3), ("+Inf", 4)] {
            #expect(exposition.value("h_bucket", ["x": "1", "le": bound]) == count, "\(bound)")
        }
        #expect(exposition.value("h_count", ["x": "1"]) == 4 && exposition.value("h_sum", ["x": "1"]) == 1000.309)
    }

    @Test
    func `Of a name with many series those that are zero are left out; no name has more than a bound`() throws {
        let registry = MetricsRegistry(help: ["few_total": "F.", "many_total": "M."])
        let few = (0..<100).map { Counter(label: "few", dimensions: [("n", "\($0)")], factory: registry) }
        let many = (0..<5000).map { Counter(label: "many", dimensions: [("n", "\($0)")], factory: registry) }
        for counter in [few[7], many[7], many[4999]] { counter.increment() }
        let exposition = try Exposition(registry.text(gauges: []))
        #expect(exposition.families.map(\.samples.count) == [100, 1])
        #expect(exposition.value("few_total", ["n": "8"]) == 0 && exposition.value("many_total", ["n": "7"]) == 1)
    }

    @Test
    func `Each label's values have indexes from 0 on, in their order, and texts of their own`() {
        func check<Label: MetricLabel>(_: Label.Type) {
            #expect(Label.all.map(\.index) == Array(0..<Label.all.count))
            let texts = Label.all.map { $0.dimensions.map { "\($0)=\($1)" }.joined(separator: ",") }
            #expect(Set(texts).count == Label.all.count && Label.all.count < 1500)
            let isPlain = Label.all.flatMap(\.dimensions).allSatisfy { name, value in
                name.contains(/^[a-z]+$/) && value.contains(/^[A-Za-z0-9{}\/.:_-]+$/)
            }
            #expect(isPlain)
        }
        check(RefusalReason.self)
        check(ConnectionClose.self)
        check(RequestAnswer.self)
        check(RequestedChange.self)
        check(EventResult.self)
    }

    @Test
    func `All that a node shows has a HELP line, and the help says nothing of what is not shown`() async throws {
        try await APITestNode.with { node in
            let exposition = try Exposition(try await node.http.request("GET", "/metrics").body)
            #expect(exposition.families.count > 30)
            #expect(Set(MetricsHelp.texts.keys) == Set(exposition.families.map(\.name)))
            // Those that many dashboards begin with are there before they first happen.
            let refused = exposition.value("volary_handshakes_refused_total", ["reason": "origin-not-allowed"])
            let closed = exposition.value("volary_websocket_closes_total", ["code": "1006", "side": "server"])
            #expect(refused == 0 && closed == 0)
        }
    }
}
