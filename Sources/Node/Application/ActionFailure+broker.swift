import VolaryBackplane
import VolaryProtocol

extension ActionFailure {
    /// - Parameter isUp: whether the broker reaches the cluster.
    init(_ error: BrokerError, isUp: Bool) {
        switch error {
        case .tooLarge: self = .tooLarge
        case .refused: self = .refused
        case .idleHistoryFull: self = .historyFull
        case .outboxFull where isUp: self = .busy
        case .outboxFull, .closed, .cancelled: self = .unreachable
        }
    }
}
