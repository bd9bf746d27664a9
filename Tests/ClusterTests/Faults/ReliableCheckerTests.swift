import TestSupport
import Testing

/// The checker of reliable clients' histories finds what it is for.
struct ReliableCheckerTests {
    /// Publications 1 to 5 of one caller to the group, and two members that got all of them.
    private static func history() -> ReliableHistory {
        var history = ReliableHistory()
        for number in 1...5 {
            var publication = ReliableHistory.Publication(
                "\(number)",
                topic: "group",
                by: "rest",
                on: "a",
                at: .milliseconds(number)
            )
            publication.outcome = .accepted
            history.publications.append(publication)
        }
        for name in ["x", "y"] {
            var life = ReliableHistory.Life(name, id: name, topics: ["group"])
            for number in 1...5 { life.got(UInt64(number), "\(number)") }
            history.lives.append(life)
        }
        return history
    }

    private static func life(_ payloads: [(UInt64, String)], told: Duration? = nil) -> ReliableHistory.Life {
        var life = ReliableHistory.Life("x", id: "x", topics: ["group"])
        for (sequence, payload) in payloads { life.got(sequence, payload) }
        life.told = told
        return life
    }

    private static func violated(_ change: (inout ReliableHistory) -> Void) -> Set<ReliableVerdict.Violation.Guarantee> {
        var history = Self.history()
        change(&history)
        return ReliableChecker.check(history).violatedGuarantees
    }

    @Test func `A whole history breaks nothing, also with messages that came again under their numbers`() {
        #expect(Self.violated { _ in }.isEmpty)
        #expect(
            Self.violated { history in
                for number in 3...5 { history.lives[0].got(UInt64(number), "\(number)") }
            }.isEmpty
        )
    }

    @Test func `A message twice, under another number, or under a number that was another's`() {
        let twice = Self.life([(1, "1"), (2, "2"), (3, "2"), (4, "3"), (5, "4"), (6, "5")])
        #expect(Self.violated { $0.lives[0] = twice } == [.once])
        #expect(Self.violated { $0.lives[0].got(3, "4") } == [.numbers])
    }

    @Test func `Numbers that are not dense`() {
        #expect(Self.violated { $0.lives[0] = Self.life([(1, "1"), (2, "2"), (4, "3"), (5, "4"), (6, "5")]) } == [.numbers])
    }

    @Test func `A message is lost at the end, or between others`() {
        #expect(Self.violated { $0.lives[0] = Self.life([(1, "1"), (2, "2"), (3, "3"), (4, "4")]) } == [.loss])
        #expect(Self.violated { $0.lives[0] = Self.life([(1, "1"), (2, "3"), (3, "4"), (4, "5")]) } == [.loss, .hole])
    }

    @Test func `Whoever was told may lack what follows, but nothing between two messages, and only where that may happen`() {
        let short = Self.life([(1, "1"), (2, "2"), (3, "3")], told: .seconds(1))
        #expect(Self.violated { ($0.lives[0], $0.mayTell) = (short, true) }.isEmpty)
        #expect(Self.violated { $0.lives[0] = short } == [.resumption])
        #expect(
            Self.violated { history in
                history.mayTell = true
                history.lives = [Self.life([(1, "1"), (2, "3"), (3, "4")], told: .seconds(1)), history.lives[1]]
                history.lives[1].told = .seconds(1)
            } == [.hole]
        )
    }

    @Test func `Two orders, and another one than the publisher's`() {
        let other = Self.life([(1, "1"), (2, "3"), (3, "2"), (4, "4"), (5, "5")])
        #expect(Self.violated { $0.lives[0] = other } == [.order])
        let two = Self.violated { history in
            for index in history.publications.indices { history.publications[index].publisher = "\(index)" }
            history.lives[0] = other
        }
        #expect(two == [.order])
    }

    @Test func `What was refused, or was for others, is delivered`() {
        #expect(Self.violated { $0.publications[2].outcome = .refused } == [.published])
        #expect(Self.violated { $0.lives[1].topics = ["all"] } == [.published])
    }

    @Test func `What a killed node had queued may be lost, what another one had may not`() {
        func missing(_ change: (inout ReliableHistory) -> Void) -> Set<ReliableVerdict.Violation.Guarantee> {
            Self.violated { history in
                history.publications[4].outcome = .queued
                for index in history.lives.indices { history.lives[index].deliveries.removeLast() }
                change(&history)
            }
        }
        #expect(missing { _ in } == [.loss])
        #expect(missing { $0.kills = [("a", .zero, .seconds(1))] }.isEmpty)
        #expect(missing { $0.kills = [("b", .zero, .seconds(1))] } == [.loss])
        #expect(missing { $0.expired = ["a": 1] }.isEmpty)
        #expect(missing { $0.publications[4].outcome = .unexpected("500") } == [.answer])
    }
}
