/// Says in words why a message may not have arrived. Pure.
enum TraceFindings {
    /// - Parameters:
    ///   - arrivals: with the names of their nodes.
    ///   - ended: how many connections have ended that may be the reason.
    ///   - missing: names of the nodes that did not answer.
    static func texts(
        _ published: TraceReport.Published?,
        _ arrivals: [(node: String, arrival: TraceReport.Arrival)],
        ended: Int,
        missing: [String]
    ) -> [String] {
        var texts: [String] = []
        switch published?.outcome {
        case nil, "relayed"?: break
        case "waiting"?:
            texts.append(
                "The node had no link to Redis when it was published: other nodes get it when the link is back, unless it is too old by then."
            )
        case let error?: texts.append("It was refused (\(error)): no node was to get it.")
        }
        for (node, arrival) in arrivals { texts += self.texts(node, arrival) }
        if !arrivals.contains(where: { $0.arrival.connections > 0 || $0.arrival.closed > 0 }) {
            texts.append("No connection took it on the nodes that answered.")
        }
        if arrivals.isEmpty, missing.isEmpty {
            texts.append("No node has got it: nobody whom it was for was connected, or the nodes had no link to Redis then.")
        }
        if ended > 0 { texts.append("\(self.connections(ended)) ended that may have been meant: see ended.") }
        for node in missing { texts.append("\(node) did not answer: it may have got it.") }
        return texts
    }

    private static func texts(_ node: String, _ arrival: TraceReport.Arrival) -> [String] {
        var texts: [String] = []
        switch ArrivedTrace.State(rawValue: arrival.state) {
        case .expired: texts.append("At \(node) its time to live was over when it came.")
        case .noAudience: texts.append("\(node) had no connection that it was for.")
        case .delivering: texts.append("\(node) has not finished: an event loop is late.")
        case .sessions:
            texts.append("At \(node) \(arrival.connections) resumable connections have it, or get it when they are resumed.")
        case .delivered, nil:
            texts.append("At \(node) \(self.connections(Int(arrival.connections))) took it.")
        }
        if arrival.excluded > 0 {
            texts.append(
                "At \(node) \(self.connections(Int(arrival.excluded))) were left out by the sender (excluded, or by the filter)."
            )
        }
        if arrival.withoutMessage > 0 {
            texts.append(
                "At \(node) \(self.connections(Int(arrival.withoutMessage))) speak a protocol that has no message for it."
            )
        }
        if arrival.closed > 0 {
            texts.append(
                "At \(node) \(self.connections(Int(arrival.closed))) were closing, or were closed because they read too slowly."
            )
        }
        if arrival.fullQueues > 0 {
            texts.append(
                "At \(node) the queues of \(arrival.fullQueues) event loops were full: their connections did not get it."
            )
        }
        return texts
    }

    private static func connections(_ count: Int) -> String { count == 1 ? "1 connection" : "\(count) connections" }
}
