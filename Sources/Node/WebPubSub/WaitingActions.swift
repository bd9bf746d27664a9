import NIOCore

/// The actions of one client that wait for a subscription or an event handler, or behind one that does, in the order of their
/// arrival. On the connection's event loop.
final class WaitingActions {
    private struct Entry {
        let number: UInt64
        /// Nil while the subscription is not decided.
        var isLive: Bool?
        /// Whether the actions behind it wait for ``WaitingActions/ended(_:)``.
        var isLong = false
        var isRunning = false
        /// Ends the wait.
        let deadline: Scheduled<Void>?
        let subscription: Task<Void, Never>?
        let run: (_ isLive: Bool) -> Void
    }

    private var entries: [Entry] = []
    private var lastNumber: UInt64 = 0

    /// Whether the next action need not wait.
    var isEmpty: Bool { self.entries.isEmpty }

    /// Adds an action that needs no subscription.
    func append(_ run: @escaping () -> Void) {
        self.lastNumber += 1
        self.entries.append(Entry(number: self.lastNumber, isLive: true, deadline: nil, subscription: nil) { _ in run() })
    }

    /// Adds an action that takes time. ``ended(_:)`` must be called with its number.
    func appendLong(_ run: @escaping (_ number: UInt64) -> Void) {
        self.lastNumber += 1
        let number = self.lastNumber
        self.entries.append(
            Entry(number: number, isLive: true, isLong: true, deadline: nil, subscription: nil) { _ in run(number) }
        )
    }

    /// Adds an action that needs a subscription.
    /// - Parameters:
    ///   - subscribe: begins the subscription, whose result ``settle(_:isLive:)`` is told under this number.
    ///   - run: called in its turn, with whether the subscription is confirmed.
    func append(
        _ subscribe: (_ number: UInt64) -> (subscription: Task<Void, Never>, deadline: Scheduled<Void>),
        _ run: @escaping (_ isLive: Bool) -> Void
    ) {
        self.lastNumber += 1
        let (subscription, deadline) = subscribe(self.lastNumber)
        let entry = Entry(
            number: self.lastNumber,
            isLive: nil,
            deadline: deadline,
            subscription: subscription,
            run: run
        )
        self.entries.append(entry)
    }

    func settle(_ number: UInt64, isLive: Bool) {
        guard let index = self.entries.firstIndex(where: { $0.number == number }) else { return }
        self.entries[index].isLive = isLive
        self.entries[index].deadline?.cancel()
    }

    /// Removes the first action if its turn has come, or, if it takes time, marks it as begun.
    /// - Returns: what carries it out.
    private func next() -> (() -> Void)? {
        guard let first = self.entries.first, let isLive = first.isLive, !first.isRunning else { return nil }
        if first.isLong { self.entries[0].isRunning = true } else { self.entries.removeFirst() }
        return { first.run(isLive) }
    }

    /// Carries out the actions whose turn has come.
    func goOn() {
        while let run = self.next() { run() }
    }

    /// The first action, which takes time, has ended.
    func ended(_ number: UInt64) {
        if self.entries.first?.number == number { self.entries.removeFirst() }
    }

    /// Ends all waits for subscriptions. The actions get their turn nevertheless.
    func giveUp() {
        for entry in self.entries { entry.subscription?.cancel() }
    }
}

@available(*, unavailable)
extension WaitingActions: Sendable {}

extension Connection {
    /// Carries out an action now, or behind those that wait.
    func inTurn(_ run: @escaping (Connection) -> Void) {
        guard let waiting = self.state.waiting, !waiting.isEmpty else { return run(self) }
        waiting.append { run(self) }
    }

    /// Carries out an action that takes time: in its turn, and those behind it after its end. Until then it counts as unfinished.
    /// - Parameter run: begins it, and calls its second argument when it has ended.
    func inTurn(counting handlers: EventHandlers, _ run: @escaping (Connection, _ ended: @escaping () -> Void) -> Void) {
        let waiting = self.state.waiting ?? WaitingActions()
        self.state.waiting = waiting
        handlers.began()
        waiting.appendLong { number in
            run(self) {
                handlers.ended()
                waiting.ended(number)
                waiting.goOn()
            }
        }
        waiting.goOn()
    }
}
