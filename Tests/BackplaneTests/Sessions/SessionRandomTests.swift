import Foundation
import TestSupport
import Testing

@testable import VolaryBackplane

/// Random schedules of nodes, clients and a store with all faults, against what was really executed.
///
/// Every client gets everything that is for it, once, in the hub's order and with the same dense numbers everywhere, or is told that
/// it cannot be resumed, for a cause. `VOLARY_TEST_SEED` repeats one run; `VOLARY_TEST_RUNS` sets how many there are.
struct SessionRandomTests {
    /// Rules whose absence a random schedule finds, with the faults that it takes.
    private static let removals: [(faults: RandomSchedule.Faults, rules: SessionRules)] = [
        (.lostNodes, .effectAtControlEntry), (.lostNodes, .catchUpNewTopics), (.lostNodes, .endAfterConfirmation),
        (.lostNodes, .fencedDetach), (.lostNodes, .fencedAcknowledgement), (.lostNodes, .controlEntries),
        (.lostNodes, .keptIntervals), (.lostNodes, .fencedWrites), (.lostNodes, .once),
        (.lostHistory, .rememberedRefusals), (.lostNodes, .mergedPages), (.trimmedLogs, .startMarks), (.trimmedLogs, .floor),
        (.lostNodes, .expiredCount), (.lostNodes, .filterAtNumber), (.lostHistory, .epochByProcess), (.lostHistory, .enterFirst),
        (.lostHistory, .claimsRaiseHighest), (.lostHistory, .answersRaiseHighest),
        (.lostNodes, .rememberedAcknowledgements), (.lostNodes, .heldArrivals), (.lostHistory, .everyBase),
        (.lostHistory, [.fenceByPosition, .claimsRaiseHighest]),
    ]

    private static let environment = ProcessInfo.processInfo.environment
    private static let runs = Self.environment["VOLARY_TEST_RUNS"].flatMap(UInt64.init) ?? 300

    @Test(arguments: SessionStoreKind.allCases, RandomSchedule.Faults.allCases)
    func `Every client has everything in order, or was told`(kind: SessionStoreKind, faults: RandomSchedule.Faults) async throws {
        let seed = Self.environment["VOLARY_TEST_SEED"].flatMap(UInt64.init)
        for seed in seed.map({ $0...$0 }) ?? 1...(Self.runs / kind.costOfRun) {
            var schedule = RandomSchedule(faults, seed: seed)
            let violations = try await schedule.run(on: kind)
            #expect(violations == [], "VOLARY_TEST_SEED=\(seed)")
            if !violations.isEmpty { return }
        }
    }

    /// In long runs only: the fixed schedules show each rule's race in every run.
    @Test(.enabled(if: Self.environment["VOLARY_TEST_RUNS"] != nil), arguments: Self.removals.indices)
    func `Without a rule a random schedule goes wrong`(removal: Int) async throws {
        let (faults, rules) = Self.removals[removal]
        for seed: UInt64 in 1...2000 {
            var schedule = RandomSchedule(faults, seed: seed, rules: .all.subtracting(rules))
            if try await !schedule.run(on: .memory).isEmpty { return }
        }
        Issue.record("2000 schedules went well without rules \(rules.rawValue)")
    }
}
