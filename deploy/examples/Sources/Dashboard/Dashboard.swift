import VolaryHubs

struct Reading: Codable, Hashable, Sendable {
    var sensor: String
    var value: Double
}

/// What viewers of the dashboard handle.
enum DashboardClient {}

extension HubTarget<DashboardClient> {
    @discardableResult
    func alarm(_ reading: Reading) async throws -> Receipt { try await self.send("alarm", reading) }
}

/// Sensors upload readings, and viewers get them as streams: `/hubs/dashboard`. Each node shows the readings of its own sensors, and alarms
/// reach the viewers of all nodes.
struct Dashboard: Hub {
    typealias Client = DashboardClient

    let board: Board

    static var methods: [HubMethod<Dashboard>] {
        stream("readings", Dashboard.readings)
        method("report", requires: .role("sensor"), Dashboard.report)
    }

    /// Ends when the viewer cancels it or leaves.
    func readings(of sensor: String) async -> AsyncStream<Reading> { await self.board.readings(of: sensor) }

    /// - Returns: how many readings there were.
    func report(_ readings: Upload<Reading>, caller: Caller) async throws -> Int {
        var count = 0
        for try await reading in readings {
            await self.board.take(reading)
            count += 1
            if reading.value > 100 { try await caller.clients.all.alarm(reading) }
        }
        return count
    }
}

/// The viewers of each sensor.
actor Board {
    private var viewers: [String: [Int: AsyncStream<Reading>.Continuation]] = [:]
    private var lastNumber = 0

    func take(_ reading: Reading) {
        for viewer in self.viewers[reading.sensor, default: [:]].values { viewer.yield(reading) }
    }

    /// A viewer that is slow misses all but the newest ten.
    func readings(of sensor: String) -> AsyncStream<Reading> {
        let (stream, viewer) = AsyncStream.makeStream(of: Reading.self, bufferingPolicy: .bufferingNewest(10))
        self.lastNumber += 1
        let number = self.lastNumber
        self.viewers[sensor, default: [:]][number] = viewer
        viewer.onTermination = { _ in Task { await self.remove(number, sensor) } }
        return stream
    }

    private func remove(_ number: Int, _ sensor: String) {
        self.viewers[sensor]?[number] = nil
        if self.viewers[sensor]?.isEmpty == true { self.viewers[sensor] = nil }
    }

    /// How many streams are open.
    var viewerCount: Int { self.viewers.values.reduce(0) { $0 + $1.count } }
}
