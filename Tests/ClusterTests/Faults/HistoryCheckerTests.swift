import TestSupport
import Testing

/// The history checker: each of its checks finds what it is there for.
@Suite
struct HistoryCheckerTests {
    /// Three messages of one publisher on node a, heard by a client of each of two nodes. Nothing is wrong with it.
    private static func good() -> History {
        var history = History()
        history.connections = [History.Connection("a1", on: "a"), History.Connection("b1", on: "b")]
        for (index, payload) in ["one", "two", "three"].enumerated() {
            let at = Duration.seconds(index)
            history.publications.append(.init(payload, by: "a1", on: "a", at: at, .accepted))
            for connection in ["a1", "b1"] {
                history.deliveries.append(.init(payload, to: connection, at: at + .milliseconds(5)))
            }
        }
        return history
    }

    private static func payloads(_ payloads: [String], to connection: String) -> [History.Delivery] {
        payloads.enumerated().map { .init($0.element, to: connection, at: .seconds($0.offset)) }
    }

    @Test
    func `A good history breaks no promise`() {
        let verdict = HistoryChecker.check(Self.good())
        #expect(verdict.violations.isEmpty)
        #expect(verdict.publications == 3 && verdict.deliveries == 6)
        #expect(verdict.lost == 0 && verdict.duplicated == 0 && verdict.reordered == 0)
    }

    @Test
    func `What nobody has published, what was refused and what went to another topic must not be delivered`() {
        var history = Self.good()
        history.deliveries.append(.init("four", to: "b1", at: .seconds(3)))
        #expect(HistoryChecker.check(history).violatedGuarantees == [.published])
        history.publications.append(.init("four", by: "rest", on: "a", at: .seconds(3), .refused))
        #expect(HistoryChecker.check(history).violatedGuarantees == [.published])
        history.publications[3] = .init("four", topic: "crew", by: "rest", on: "a", at: .seconds(3), .accepted)
        #expect(HistoryChecker.check(history).violatedGuarantees == [.published])
    }

    @Test
    func `Twice is once too often`() {
        var history = Self.good()
        history.deliveries.append(.init("one", to: "b1", at: .seconds(9)))
        let verdict = HistoryChecker.check(history)
        #expect(verdict.violatedGuarantees == [.once])
        #expect(verdict.duplicated == 1)
    }

    @Test
    func `A publisher's messages out of their order are seen, also when all connections agree`() {
        var history = Self.good()
        history.deliveries = ["a1", "b1"].flatMap { Self.payloads(["two", "one", "three"], to: $0) }
        let verdict = HistoryChecker.check(history)
        #expect(verdict.violatedGuarantees == [.order])
        #expect(verdict.reordered == 2)
    }

    /// Two publishers on two nodes, of which each connection hears its own neighbour first.
    private static func contrary() -> History {
        var history = History()
        history.connections = [History.Connection("a1", on: "a"), History.Connection("b1", on: "b")]
        history.publications = [
            .init("from a", by: "a1", on: "a", at: .seconds(1), .accepted),
            .init("from b", by: "b1", on: "b", at: .seconds(1), .accepted),
        ]
        history.deliveries = payloads(["from a", "from b"], to: "a1") + payloads(["from b", "from a"], to: "b1")
        return history
    }

    @Test
    func `Two connections that hear two publishers in two orders are seen`() {
        let verdict = HistoryChecker.check(Self.contrary())
        #expect(verdict.violatedGuarantees == [.order])
        #expect(verdict.reordered == 1)
    }

    @Test
    func `While a node is cut off its own clients hear it first; before and after they must not`() {
        var history = Self.contrary()
        history.disturbances = [.init("a", from: .zero, to: .seconds(2))]
        #expect(HistoryChecker.check(history).violations.isEmpty)
        history.disturbances = [.init("a", from: .seconds(5), to: .seconds(6))]
        #expect(HistoryChecker.check(history).violatedGuarantees == [.order])
    }

    @Test
    func
        `While two masters serve there are two orders, also of what neither of two nodes has said; each publisher still has one`()
    {
        var history = Self.contrary()
        history.disturbances = [.init("a", from: .zero, to: .seconds(2)), .init("b", from: .zero, to: .seconds(2))]
        for number in [1, 2] {
            history.connections.append(History.Connection("c\(number)", on: "c"))
            let payloads = ["from a", "from b"]
            history.deliveries += Self.payloads(number == 1 ? payloads : payloads.reversed(), to: "c\(number)")
        }
        #expect(HistoryChecker.check(history).violatedGuarantees == [.order])
        for index in history.disturbances.indices { history.disturbances[index].hasTwoMasters = true }
        #expect(HistoryChecker.check(history).violations.isEmpty)
        history.publications.append(.init("later", by: "a1", on: "a", at: .seconds(1), .accepted))
        history.deliveries.insert(contentsOf: Self.payloads(["later"], to: "b1"), at: 0)
        #expect(HistoryChecker.check(history).violatedGuarantees.contains(.order))
    }

    @Test
    func `Three connections that agree two by two, but not together, are seen`() {
        var history = History()
        for (index, payload) in ["x", "y", "z"].enumerated() {
            history.publications.append(.init(payload, by: payload, on: "n", at: .seconds(index), .unknown))
            history.connections.append(History.Connection("c\(index)", on: "n"))
        }
        history.deliveries =
            Self.payloads(["x", "y"], to: "c0") + Self.payloads(["y", "z"], to: "c1") + Self.payloads(["z", "x"], to: "c2")
        #expect(HistoryChecker.check(history).violatedGuarantees == [.order])
    }

    /// The second message does not reach node b.
    private static func lossy() -> History {
        var history = good()
        history.deliveries.removeAll { $0.connection == "b1" && $0.payload == "two" }
        return history
    }

    @Test
    func `A loss in silence is seen`() {
        var history = Self.lossy()
        #expect(HistoryChecker.check(history).violatedGuarantees == [.loss])
        // That there was a fault excuses nothing.
        history.disturbances = [.init("b", from: .zero, to: .seconds(5))]
        let verdict = HistoryChecker.check(history)
        #expect(verdict.violatedGuarantees == [.loss])
        #expect(verdict.lost == 1 && verdict.announced == 0)
    }

    @Test(
        arguments: 0..<4
    )
    func `A loss under a fault may be announced to the client, to the publisher, or in the numbers of either node`(how: Int) {
        var history = Self.lossy()
        history.disturbances = [.init("b", from: .zero, to: .seconds(5))]
        switch how {
        case 0: history.notices = [.init(.missed, to: "b1", at: .seconds(4))]
        case 1: history.notices = [.init(.refused, to: "a1", at: .seconds(4))]
        case 2: history.counts["b"] = .init(lost: 1)
        default: history.counts["a"] = .init(expired: 1)
        }
        let verdict = HistoryChecker.check(history)
        #expect(verdict.violations.isEmpty)
        #expect(verdict.lost == 1 && verdict.announced == 1)
    }

    @Test(arguments: 0..<4)
    func `An announcement to somebody else, before the loss, or without any fault excuses nothing`(how: Int) {
        var history = Self.lossy()
        history.disturbances = [.init("b", from: .zero, to: .seconds(5))]
        switch how {
        case 0: history.notices = [.init(.missed, to: "a1", at: .seconds(4))]
        case 1: history.notices = [.init(.missed, to: "b1", at: .milliseconds(500))]
        case 2: history.counts["a"] = .init(lost: 1)
        default:
            history.notices = [.init(.missed, to: "b1", at: .seconds(4))]
            history.disturbances = [.init("b", from: .seconds(4), to: .seconds(5))]
        }
        #expect(HistoryChecker.check(history).violatedGuarantees == [.loss])
    }

    @Test
    func `Nothing is owed to who was not there, nor of what nobody said was taken, nor by a process that died with it`() {
        var late = Self.lossy()
        late.connections[1].opened = .milliseconds(1500)
        late.deliveries.removeAll { $0.connection == "b1" && $0.payload == "one" }
        #expect(HistoryChecker.check(late).violations.isEmpty)
        var gone = Self.lossy()
        gone.connections[1].closed = .seconds(2)
        #expect(HistoryChecker.check(gone).violations.isEmpty)
        var unknown = Self.lossy()
        unknown.publications[1].outcome = .unknown
        #expect(HistoryChecker.check(unknown).violations.isEmpty)
        var killed = Self.lossy()
        killed.disturbances = [.init("a", from: .seconds(2), to: .seconds(3), killed: true)]
        #expect(HistoryChecker.check(killed).violations.isEmpty)
        // But what a caller was told has been relayed, was relayed.
        killed.publications[1].outcome = .relayed(["a": 1], missing: [])
        #expect(HistoryChecker.check(killed).violatedGuarantees == [.loss])
    }

    @Test
    func `A 200 that counts a connection which has nothing is seen, and so is an answer that is none`() {
        var history = Self.lossy()
        history.disturbances = [.init("b", from: .zero, to: .seconds(5))]
        history.counts["b"] = .init(lost: 1)
        history.publications[1].outcome = .relayed(["a": 1, "b": 1], missing: [])
        #expect(HistoryChecker.check(history).violatedGuarantees == [.receipt])
        history.publications[1].outcome = .relayed(["a": 1], missing: ["b"])
        #expect(HistoryChecker.check(history).violations.isEmpty)
        history.publications[1].outcome = .unexpected("500")
        #expect(HistoryChecker.check(history).violatedGuarantees == [.answer])
    }

    @Test
    func `A 200 may name a node by its id, which is not registered yet or has ended since`() {
        let cases: [(History, Set<HistoryVerdict.Violation.Guarantee>)] = [(Self.good(), []), (Self.lossy(), [.receipt])]
        for (history, violated) in cases {
            var history = history
            history.disturbances = [.init("b", from: .zero, to: .seconds(5))]
            history.counts["b"] = .init(lost: 1)
            history.publications[1].outcome = .relayed(["a": 1, "32eaa4cf": 1], missing: [])
            #expect(HistoryChecker.check(history).violatedGuarantees == violated)
        }
    }
}
