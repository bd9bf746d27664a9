import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// How long things take.
@Suite
struct HistogramTests {
    @Test func `A time counts in the first bucket whose bound it does not exceed`() {
        let histogram = Histogram(bounds: [0.001, 0.01])
        let times: [TimeAmount] = [
            .zero, .milliseconds(1), .nanoseconds(1_000_001), .milliseconds(10), .seconds(7), .seconds(-3),
        ]
        for time in times { histogram.record(time) }
        #expect(histogram.value.counts == [3, 2, 1])
        #expect(histogram.value.sum == 7.012)
    }

    @Test func `Times that several threads record at once are all counted`() async {
        let histogram = Histogram()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask { for _ in 0..<10_000 { histogram.record(.milliseconds(2)) } }
            }
        }
        #expect(histogram.value.counts.reduce(0, +) == 40_000 && histogram.value.sum == 80)
    }

    @Test func `Of histograms with labels those without a value have no lines`() throws {
        let registry = MetricsRegistry(help: ["h": "H."])
        let histograms = (0..<20).map { registry.histogram("h", [("n", "\($0)")]) }
        histograms[7].record(.milliseconds(1))
        let exposition = try Exposition(registry.text(gauges: []))
        #expect(exposition.value("h_count", ["n": "7"]) == 1 && exposition.value("h_count", ["n": "8"]) == nil)
    }

    @Test func `A publication is measured once at a node, however many event loops and connections it reaches`() async throws {
        try await Loops.with(3) { loops in
            let ids = try await loops.connect(6)
            let times = Histogram()
            let parts = DeliveryHarness.parts(loops.manager, times: times)
            parts.delivery.receive([DeliveryHarness.envelope("a"), DeliveryHarness.envelope("b")])
            for id in ids { #expect(await loops.frames(of: id, atLeast: 2).count == 2) }
            // Published a second ago, by the clocks of the nodes.
            #expect(await eventually { times.value.sum == 2 })
            #expect(times.value.counts.reduce(0, +) == 2)
        }
    }

    @Test func `A node measures its requests, handshakes, deliveries and event loops, and counts bytes and audiences`()
        async throws
    {
        try await APITestNode.with([.insecureUserQuery: "on"]) { node in
            let client = try await TestClient.open(port: node.port, path: "/ws?user=ann")
            let push = try await node.http.request("POST", "/api/connections/broadcast", body: #"{"message": "hello"}"#)
            #expect(push.status == 202 || push.status == 200)
            client.write(ClientFrame.text("hi"))
            #expect(await eventually { client.frames.count >= 1 })
            let isComplete = try await eventually {
                let exposition = try Exposition(try await node.http.request("GET", "/metrics").body)
                func value(_ name: String, _ labels: [String: String] = [:]) -> Double { exposition.value(name, labels) ?? 0 }
                let route = ["method": "POST", "route": "/api/connections/broadcast"]
                return value("volary_http_request_seconds_count", route) == 1 && value("volary_handshake_seconds_count") >= 1
                    && value("volary_delivery_seconds_count") >= 1 && value("volary_event_loop_lag_seconds_count") > 0
                    && value("volary_received_bytes_total") >= 2 && value("volary_sent_bytes_total") >= 10
                    && value("volary_users") == 1 && value("process_resident_memory_bytes") > 1e6
                    && value("process_cpu_seconds_total") > 0 && value("process_start_time_seconds") > 1.7e9
                    && value("volary_build_info", ["version": NodeServer.version]) == 1
            }
            #expect(isComplete)
            await client.close()
            let isGone = try await eventually {
                try Exposition(try await node.http.request("GET", "/metrics").body).value("volary_users") == 0
            }
            #expect(isGone)
        }
    }
}
