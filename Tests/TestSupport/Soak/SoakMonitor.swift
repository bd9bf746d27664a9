import NIOConcurrencyHelpers

/// Measures a cluster from outside during a soak: each second the memory and open files of all nodes and of Redis, and the losses
/// that the nodes report; ten times a second whether each node is ready.
public final class SoakMonitor: Sendable {
    /// The measurements of one process.
    struct Watched: Sendable {
        /// In MiB and files: at rest, between two kinds of bad traffic.
        var memory = TimeSeries()
        var descriptors = TimeSeries()
        /// The maximum at any time.
        var maximumMemory = 0.0
        var maximumDescriptors = 0.0
    }

    private struct State {
        var processes: [String: Watched] = [:]
        var lost = TimeSeries()
        /// By kind of bad traffic, then by node.
        var readiness: [String: [String: ReadinessProbe.Answers]] = [:]
        var latest = ""
    }

    private static let interval = Duration.seconds(1)
    /// Metrics of messages that were lost or not delivered.
    private static let losses = [
        "volary_relay_lost", "volary_relay_gaps", "volary_relay_expired", "volary_publications_dropped_total",
        "volary_leases_lost_total",
    ]

    private let cluster: FaultCluster
    private let probes: [String: ReadinessProbe]
    private let start = ContinuousClock.now
    private let state = NIOLockedValueBox(State())
    private let tasks = TaskBag()

    public init(_ cluster: FaultCluster) {
        self.cluster = cluster
        self.probes = Dictionary(uniqueKeysWithValues: cluster.nodes.map { ($0.name, ReadinessProbe(port: $0.port)) })
        self.tasks.add {
            while !Task.isCancelled {
                self.measure(isAtRest: false)
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

    public func end() async {
        for probe in self.probes.values { probe.end() }
        await self.tasks.end()
    }

    /// Since the start of the monitor.
    private var minutes: Double { self.start.duration(to: .now) / .seconds(60) }

    /// Call this when the bad traffic of a kind and the normal traffic have ended.
    /// - Parameter lost: missing deliveries so far.
    public func recordRest(after kind: String, lost: Int) async {
        var counted = 0
        for node in self.cluster.nodes {
            let metrics = await node.metrics()
            counted += Self.losses.reduce(0) { $0 + metrics[$1, default: 0] }
        }
        self.measure(isAtRest: true)
        let answers = self.probes.mapValues { $0.take() }
        self.state.withLockedValue { [counted] state in
            state.lost.add(Double(lost + counted), atMinute: self.minutes)
            state.readiness[kind, default: [:]].merge(answers) { $0 + $1 }
        }
    }

    private func measure(isAtRest: Bool) {
        var processes = self.cluster.nodes.map { ("node \($0.name)", $0.process.identifier) }
        processes.append(("Redis", self.cluster.redis.identifier))
        var words: [String] = []
        for (name, process) in processes {
            guard let process, let use = ProcessUse(of: process) else { continue }
            let memory = Double(use.bytes) / 1_048_576
            let descriptors = Double(use.descriptors)
            self.state.withLockedValue { state in
                var watched = state.processes[name] ?? Watched()
                if isAtRest {
                    watched.memory.add(memory, atMinute: self.minutes)
                    watched.descriptors.add(descriptors, atMinute: self.minutes)
                }
                watched.maximumMemory = max(watched.maximumMemory, memory)
                watched.maximumDescriptors = max(watched.maximumDescriptors, descriptors)
                state.processes[name] = watched
            }
            words.append("\(name) \(Int(memory)) MiB \(use.descriptors) files")
        }
        self.state.withLockedValue { [words] in $0.latest = words.joined(separator: ", ") }
    }

    /// The last measurement, in one line.
    public var latest: String { self.state.withLockedValue { $0.latest } }

    /// By the name of the node, and Redis.
    var processes: [String: Watched] { self.state.withLockedValue { $0.processes } }
    var lost: TimeSeries { self.state.withLockedValue { $0.lost } }
    var readiness: [String: [String: ReadinessProbe.Answers]] { self.state.withLockedValue { $0.readiness } }
}
