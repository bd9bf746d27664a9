import Foundation
import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Two nodes that follow one topic while everything that can happen to it happens, in a random order, against what was really published.
struct TopicLogRandomTests {
    /// How much may go wrong in a run.
    enum Weather: CaseIterable {
        /// Links are lost. Nothing may be.
        case lostLinks
        /// And the log forgets, or ends. What is missing must have been counted or told of.
        case lostEntries
        /// And it goes back to an earlier state.
        case lostHistory
    }

    /// One node: its link to what is published, and its questions to the log, both of which take their time.
    struct Node {
        var machine: TopicLogStateMachine
        var output = TopicLogStateMachine.Output()
        var isLinked = false
        var underWay: [LogArrival] = []
        /// Asked and not answered; with the answer once Redis has worked it out.
        var question: (request: TopicLogStateMachine.LogRequest, session: Int, page: LogPage?, store: Int)?
        var sessions = 0
        /// Messages published since the node first knew its place.
        var due: Set<LogModel.Message> = []
        var wasPlaced = false
        /// The name of Redis' data, when the node last asked for it.
        var store: Int?

        init(_ id: UInt32) {
            self.machine = TopicLogStateMachine(own: NodeID(rawValue: id), limits: .init(heldMessages: 6))
        }

        var delivered: [LogModel.Message] {
            self.output.envelopes.map { .init(origin: $0.origin, sequence: $0.sequence) }
        }

        mutating func hear() {
            guard !self.underWay.isEmpty else { return }
            self.machine.received(self.underWay.removeFirst(), into: &self.output)
        }

        mutating func link(_ model: LogModel) {
            guard !self.isLinked else { return }
            self.found(model.store)
            self.isLinked = true
            self.sessions += 1
            self.machine.subscribed(session: self.sessions)
        }

        private mutating func found(_ store: Int) {
            if let known = self.store, known != store { self.machine.storeBecameUnverified() }
            self.store = store
        }

        mutating func unlink() {
            guard self.isLinked else { return }
            self.isLinked = false
            self.underWay = []
            self.machine.unlinked(into: &self.output)
        }

        /// One step of a question: asked, worked out, answered.
        mutating func ask(_ model: inout LogModel, pageEntries: Int) {
            guard let question = self.question else {
                self.question = self.machine.request.map { ($0, self.machine.session, nil, 0) }
                return
            }
            if let page = question.page {
                self.question = nil
                guard question.session == self.machine.session else { return }
                if case .endEpoch = question.request { return self.machine.epochWasEnded() }
                self.found(question.store)
                self.machine.read(page, into: &self.output)
            } else {
                if case .endEpoch(let epoch) = question.request { model.endEpoch(epoch) }
                self.question?.store = model.store
                self.question?.page = model.page(for: question.request, entries: pageEntries)
            }
        }
    }

    @Test(arguments: [Weather.lostLinks, .lostEntries])
    func `Nothing is lost in silence and nothing comes twice`(weather: Weather) {
        let seed = ProcessInfo.processInfo.environment["VOLARY_TEST_SEED"].flatMap(UInt64.init)
        for run in seed.map({ $0...$0 }) ?? 1...1500 {
            var random = SplitMix64(state: run)
            Self.run(weather, &random, name: "VOLARY_TEST_SEED=\(run)")
        }
    }

    private static func run(_ weather: Weather, _ random: inout SplitMix64, name: Comment) {
        var model = LogModel()
        var nodes = [Node(1), Node(2)]
        var sequences: [UInt64] = [0, 0, 0]
        var lastOf: [LogModel.Message?] = [nil, nil, nil]
        let pageEntries = 1 + random.below(4)
        var sentTwice: Set<LogModel.Message> = []
        var lostByFork: Set<LogModel.Message> = []

        func send(_ arrival: LogArrival, _ message: LogModel.Message, again: Bool = false) {
            if again { sentTwice.insert(message) }
            for index in nodes.indices {
                if nodes[index].wasPlaced, !again { nodes[index].due.insert(message) }
                if nodes[index].isLinked { nodes[index].underWay.append(arrival) }
            }
        }
        func publish(logged: Bool) {
            let origin = random.below(3)
            sequences[origin] += 1
            let message = LogModel.Message(origin: NodeID(rawValue: 10 + UInt32(origin)), sequence: sequences[origin])
            lastOf[origin] = message
            send(logged ? model.publish(message) : model.publishUnlogged(message), message)
        }
        func fork(lagging count: Int) {
            let before = model.entries.map(\.message)
            model = model.replica(lagging: count)
            lostByFork.formUnion(Set(before).subtracting(model.entries.map(\.message)))
        }
        func settle() {
            for index in nodes.indices {
                nodes[index].link(model)
                var steps = 0
                while nodes[index].machine.request != nil || nodes[index].question != nil || !nodes[index].underWay.isEmpty {
                    nodes[index].hear()
                    nodes[index].ask(&model, pageEntries: pageEntries)
                    steps += 1
                    guard steps < 5000 else {
                        Issue.record("it does not settle; \(name)")
                        return
                    }
                }
            }
        }

        for _ in 0..<(40 + random.below(160)) {
            let node = random.below(2)
            switch random.below(100) {
            case 0..<30: publish(logged: true)
            case 30..<34:
                // Sent again, because no answer came.
                if let message = lastOf[random.below(3)] { send(model.publish(message), message, again: true) }
            case 34..<58: nodes[node].hear()
            case 58..<82: nodes[node].ask(&model, pageEntries: pageEntries)
            case 82..<86: nodes[node].unlink()
            case 86..<93: nodes[node].link(model)
            case 93..<95 where weather == .lostEntries: model.trim(to: random.below(5))
            case 95 where weather != .lostLinks: model.removeAll()
            case 96 where weather != .lostLinks: publish(logged: false)
            case 97 where weather == .lostHistory:
                for index in nodes.indices { nodes[index].unlink() }
                fork(lagging: random.below(4))
            case 98 where weather == .lostHistory: fork(lagging: random.below(3))
            default: break
            }
            for index in nodes.indices where nodes[index].machine.position != .unknown { nodes[index].wasPlaced = true }
        }
        settle()
        // What comes afterwards arrives whatever has happened.
        let before = nodes.map(\.delivered.count)
        for _ in 0..<3 { publish(logged: true) }
        settle()
        for index in nodes.indices { #expect(nodes[index].delivered.count == before[index] + 3, name) }

        for node in nodes {
            let delivered = node.delivered
            #expect(Set(delivered).count == delivered.count, "twice; \(name)")
            for origin in 0..<3 {
                let own = delivered.filter { $0.origin.rawValue == 10 + UInt32(origin) }.map(\.sequence)
                #expect(own == own.sorted(), "out of order; \(name)")
            }
            // What nobody had seen before it was gone, nobody can know of.
            let unknowable = lostByFork.subtracting(nodes.flatMap(\.delivered))
            let missing = node.due.subtracting(delivered).subtracting(unknowable)
            if node.output.gaps == 0 { #expect(missing.count <= node.output.lost, "lost in silence; \(name)") }
            if weather == .lostLinks {
                #expect(
                    (missing.map { "\($0.origin):\($0.sequence)" }, node.output.lost, node.output.gaps) == ([], 0, 0),
                    "lost or alarmed; \(name)"
                )
            }
        }
        if weather != .lostHistory, nodes.allSatisfy({ $0.output.gaps == 0 }) {
            // Who came, or lost the first, between the two times that a message was sent, has it in the second place.
            let common = nodes[0].due.intersection(nodes[1].due).subtracting(weather == .lostLinks ? [] : sentTwice)
                .intersection(nodes[0].delivered).intersection(nodes[1].delivered)
            let orders = nodes.map { $0.delivered.filter(common.contains).map { "\($0.origin):\($0.sequence)" } }
            #expect(orders[0] == orders[1], "two orders; \(name)")
        }
    }
}

extension SplitMix64 {
    mutating func below(_ count: Int) -> Int { Int.random(in: 0..<count, using: &self) }
}
