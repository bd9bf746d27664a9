import VolaryProtocol

@testable import VolaryBackplane

/// Steps whose answers are added to those of earlier steps.
extension TopicLogStateMachine {
    mutating func received(_ arrival: LogArrival, into output: inout Output) {
        switch self.received(arrival) {
        case .nothing: break
        case .deliver(let envelope): output.envelopes.append(envelope)
        case .output(let more): output.add(more)
        }
    }

    mutating func read(_ page: LogPage, into output: inout Output) { output.add(self.read(page)) }

    mutating func unlinked(into output: inout Output) { output.lost += self.unlinked() }
}

extension TopicLogStateMachine.Output {
    mutating func add(_ other: Self) {
        self.envelopes += other.envelopes
        self.recovered += other.recovered
        self.lost = BrokerGap.sum(self.lost, other.lost)
        self.gaps += other.gaps
        self.undecodable += other.undecodable
        self.decodingError = other.decodingError ?? self.decodingError
    }
}
