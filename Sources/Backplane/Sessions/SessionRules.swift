/// The rules that each close one race of resumption. All are in force. A debug build can take them away, so that a test sees the
/// race that its rule closes.
///
/// They are named in the code that enforces them, because each is a line or two in the middle of a function, which a test could not
/// take away otherwise. A release build has no such choice: ``enforces(_:)`` is constant there.
struct SessionRules: OptionSet, Sendable {
    let rawValue: UInt32

    /// A membership takes effect at its control entry, not at the answer of the join.
    static let effectAtControlEntry = SessionRules(rawValue: 1 << 0)
    /// A control entry with a topic that was not subscribed before it makes the session catch up.
    static let catchUpNewTopics = SessionRules(rawValue: 1 << 1)
    /// A node subscribes to a group before it writes a join.
    static let subscribeBeforeJoin = SessionRules(rawValue: 1 << 2)
    /// A replay ends at the number that was read after the last subscription was confirmed.
    static let endAfterConfirmation = SessionRules(rawValue: 1 << 3)
    /// Detaching and removing compare the fence.
    static let fencedDetach = SessionRules(rawValue: 1 << 4)
    /// Acknowledging compares the fence.
    static let fencedAcknowledgement = SessionRules(rawValue: 1 << 5)
    /// Each change of memberships appends a control entry.
    static let controlEntries = SessionRules(rawValue: 1 << 6)
    /// An interval is kept until the acknowledged number passes its end.
    static let keptIntervals = SessionRules(rawValue: 1 << 7)
    /// Every writing script of an owner compares the fence.
    static let fencedWrites = SessionRules(rawValue: 1 << 8)
    /// An operation is executed once.
    static let once = SessionRules(rawValue: 1 << 9)
    /// The refusal of an operation is remembered.
    static let rememberedRefusals = SessionRules(rawValue: 1 << 10)
    /// A page merges its topics by number.
    static let mergedPages = SessionRules(rawValue: 1 << 11)
    /// Each page compares start marks.
    static let startMarks = SessionRules(rawValue: 1 << 12)
    /// A log that is missing or new starts at the hub's floor.
    static let floor = SessionRules(rawValue: 1 << 13)
    /// An expired publication uses up its dense number.
    static let expiredCount = SessionRules(rawValue: 1 << 14)
    /// A filter sees the groups as they were at the entry's number.
    static let filterAtNumber = SessionRules(rawValue: 1 << 15)
    /// Another process of the store is another epoch.
    static let epochByProcess = SessionRules(rawValue: 1 << 16)
    /// Every script looks for a new epoch first, the sweep's too.
    static let enterFirst = SessionRules(rawValue: 1 << 17)
    /// A fence is a position, not the former fence and 1.
    static let fenceByPosition = SessionRules(rawValue: 1 << 18)
    /// A session that was claimed with a number that is lost is not vouched for.
    static let claimsRaiseHighest = SessionRules(rawValue: 1 << 19)
    /// Every answer of an operation, also a repeated one, raises the highest number that a session observed.
    static let answersRaiseHighest = SessionRules(rawValue: 1 << 20)
    /// The number before an entry in its topic is compared with the last one that was heard.
    static let linkCheck = SessionRules(rawValue: 1 << 21)
    /// The sweep's scripts compare state and fence.
    static let comparedSweep = SessionRules(rawValue: 1 << 22)
    /// The script that publishes remembers the `ackId`.
    static let rememberedAcknowledgements = SessionRules(rawValue: 1 << 23)
    /// What arrives during a read is held.
    static let heldArrivals = SessionRules(rawValue: 1 << 24)
    /// A session is judged by all epochs since the one that it knows, not by the newest alone.
    static let everyBase = SessionRules(rawValue: 1 << 25)
    /// A session that may have missed what other nodes know to be lost is ended.
    static let toldLosses = SessionRules(rawValue: 1 << 26)

    static let all = SessionRules(rawValue: 1 << 27 - 1)

    func enforces(_ rule: SessionRules) -> Bool {
        #if DEBUG
        self.contains(rule)
        #else
        true
        #endif
    }
}
