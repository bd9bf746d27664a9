import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOFoundationEssentialsCompat
import VolaryBackplane
import VolaryProtocol

/// Asks all nodes what they know of a message, and answers the questions of others. Used from any thread.
final class TraceCollector: Sendable {
    /// What the nodes said.
    struct Answers: Sendable {
        /// By node, this one included.
        var reports: [NodeID: TraceReport] = [:]
        /// Nodes that did not answer in time.
        var missing: Set<NodeID> = []
    }

    private struct Entry {
        var answers: Answers
        let continuation: CheckedContinuation<Answers, Never>
    }

    let traces: MessageTraces
    private let directory: NodeDirectory
    private let broker: any Broker
    private let eventLoop: any EventLoop
    private let entries = NIOLockedValueBox<[PublicationID: Entry]>([:])

    /// - Parameter eventLoop: keeps the time.
    init(traces: MessageTraces, directory: NodeDirectory, broker: any Broker, eventLoop: any EventLoop) {
        self.traces = traces
        self.directory = directory
        self.broker = broker
        self.eventLoop = eventLoop
    }

    /// Asks twice if only some nodes know the message: the others may have had a connection that it was for.
    /// - Parameter timeout: for the answers of the other nodes, each time.
    func ask(about message: PublicationID, timeout: TimeAmount) async -> Answers {
        var answers = await self.ask(
            self.directory.expected.union([self.directory.ownID]),
            about: message,
            nil,
            timeout: timeout
        )
        guard let facts = answers.reports.values.lazy.compactMap(\.facts).first else { return answers }
        let others = Set(answers.reports.filter(\.value.isEmpty).keys)
        let second = await self.ask(others, about: message, facts, timeout: timeout)
        answers.reports.merge(second.reports) { $1 }
        return answers
    }

    private func ask(
        _ nodes: Set<NodeID>,
        about message: PublicationID,
        _ facts: TraceFacts?,
        timeout: TimeAmount
    ) async -> Answers {
        let own = self.directory.ownID
        var answers = Answers(missing: nodes.subtracting([own]))
        if nodes.contains(own) { answers.reports[own] = self.traces.report(of: message, facts) }
        guard !answers.missing.isEmpty else { return answers }
        let id = PublicationID.random(on: own)
        let question = TraceMessage.Content.question(message, facts: facts.map { JSONBody.encode($0) } ?? ByteBuffer())
        return await withCheckedContinuation { continuation in
            self.entries.withLockedValue { $0[id] = Entry(answers: answers, continuation: continuation) }
            self.eventLoop.scheduleTask(in: timeout) { self.finish(id) }
            for node in answers.missing {
                self.broker.publish(.trace(TraceMessage(id: id, content: question)), to: .node(node), completion: nil)
            }
        }
    }

    func received(_ trace: TraceMessage, from node: NodeID) {
        switch trace.content {
        // Not here: the search through all that is remembered would delay what comes behind the question.
        case .question(let message, let json):
            let facts = try? JSONDecoder().decode(TraceFacts.self, from: json)
            Task { self.answer(trace.id, about: message, facts, to: node) }
        case .answer(let json):
            guard let report = try? JSONDecoder().decode(TraceReport.self, from: json) else { return }
            let isLast = self.entries.withLockedValue { entries in
                // An answer that nobody waits for, or that was not asked for.
                guard entries[trace.id]?.answers.missing.remove(node) != nil else { return false }
                entries[trace.id]?.answers.reports[node] = report
                return entries[trace.id]?.answers.missing.isEmpty == true
            }
            if isLast { self.finish(trace.id) }
        }
    }

    private func answer(_ id: PublicationID, about message: PublicationID, _ facts: TraceFacts?, to node: NodeID) {
        let json = JSONBody.encode(self.traces.report(of: message, facts))
        self.broker.publish(.trace(TraceMessage(id: id, content: .answer(json))), to: .node(node), completion: nil)
    }

    private func finish(_ id: PublicationID) {
        let entry = self.entries.withLockedValue { $0.removeValue(forKey: id) }
        entry?.continuation.resume(returning: entry?.answers ?? Answers())
    }
}
