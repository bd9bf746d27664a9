import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// Does the queued work of a shard, in turns of the event loop.
extension ConnectionShard {
    func drain() {
        guard self.taken == nil else {
            self.taken?.hasNewWork = true
            return
        }
        let start = self.eventLoop.now
        let due = self.queue.withLockedValue { $0.bytes }
        if let later = self.pace.wait(now: start, due: due) {
            self.eventLoop.assumeIsolated().scheduleTask(deadline: later) { self.drain() }
            return
        }
        var taken = self.queue.withLockedValue { $0.take() }
        guard !self.work(on: &taken, from: start) else { return }
        self.taken = taken
        self.queue.withLockedValue { $0.takenBytes = taken.bytes }
        self.turns.deliver { self.goOn() }
    }

    /// Another turn for what was taken from the queue.
    /// - Returns: whether all of it is done.
    private func goOn() -> Bool {
        // Nil meanwhile, so that no array is copied. What is called here does not come back to it: new work waits for a task.
        guard var taken = self.taken.take() else { return true }
        guard self.work(on: &taken, from: self.eventLoop.now) else {
            self.taken = taken
            return false
        }
        self.queue.withLockedValue { $0.takenBytes = 0 }
        if taken.hasNewWork { self.eventLoop.execute { self.drain() } }
        return true
    }

    /// Works for one turn.
    /// - Returns: whether all is done.
    private func work(on taken: inout ShardQueue.Taken, from start: NIODeadline) -> Bool {
        let end = start + TurnQueue.runTime
        turn: while !taken.isDone {
            switch self.doNext(&taken, until: end) {
            case .joined: break
            // The clock is read after deliveries only.
            case .delivered: if !taken.isDone, self.eventLoop.now >= end { break turn }
            case .turnIsFull: break turn
            }
        }
        let now = self.eventLoop.now
        taken.took = taken.took + (now - start)
        guard taken.isDone else { return false }
        self.tell(taken.lost)
        self.pace.fannedOut(bytes: taken.bytes, from: now - taken.took, to: now)
        return true
    }

    private enum Step {
        case joined
        case delivered
        case turnIsFull
    }

    private func doNext(_ taken: inout ShardQueue.Taken, until end: NIODeadline) -> Step {
        if taken.partial != nil {
            guard taken.partial?.goOn(until: end, on: self) == true else { return .turnIsFull }
            taken.partial = nil
            return .delivered
        }
        if case .fanOut(let next) = taken.work.first {
            taken.work.removeFirst()
            if taken.joined?.join(next) == true { return .joined }
            let joined = taken.joined
            taken.joined = next
            taken.partial = self.deliverAndFinish(joined)
            return joined == nil ? .joined : .delivered
        }
        if let joined = taken.joined.take() {
            taken.partial = self.deliverAndFinish(joined)
            return .delivered
        }
        switch taken.work.popFirst() {
        case nil, .fanOut: break
        case .written(let fanOut, let time): taken.partial = self.write(fanOut, within: time)
        case .request(let request): request(self)
        }
        return .delivered
    }

    /// Sends the loss notices. The lost publications are later than everything that has just been delivered.
    private func tell(_ lost: LostPublications) {
        guard !lost.isEmpty, let notice = self.queue.withLockedValue({ $0.lossNotice }) else { return }
        func tell(_ audience: HubAudience, _ count: Int?) {
            let publication = notice(audience, count)
            // Short, so it is not divided.
            _ = self.deliver(
                FanOut(EncodedBatch([PlacedPublication(publication)]), to: audience, bytes: publication.messageBytes) { _ in }
            )
        }
        if lost.hasTooManyAudiences {
            for hub in Array(self.hubs.keys) { tell(HubAudience(hub: hub, audience: .all), nil) }
        }
        for (audience, count) in lost.counts { tell(audience, count) }
    }

    /// - Returns: what is left for further turns.
    private func deliverAndFinish(_ fanOut: FanOut?) -> PartialFanOut? {
        guard let fanOut else { return nil }
        // First, because the closures cost allocations.
        if PartialFanOut.mayDivide(fanOut, connections: self.count),
            let partial = self.divided(fanOut, send: { $0.send($1) }, done: { fanOut.finish($0) })
        {
            return partial
        }
        fanOut.finish(self.deliver(fanOut))
        return nil
    }
}
