import Atomics
import NIOConcurrencyHelpers

/// Counts a node's sockets, in all and by their clients' addresses, and says which of them are too many. Used from every event loop.
///
/// A socket counts from accepting to closing, whatever it is used for. Some past each limit are taken nevertheless, to be told so by an
/// answer, and so that health checks and REST still work on a node full of WebSockets; those past these too are closed as they come.
final class Admission: Sendable {
    enum Decision: Hashable {
        case within
        /// Past the limit, within the reserve.
        case over
        /// Past the reserve: closed at once.
        case refused
    }

    /// Sockets past the limit in all: a fifth of it, from 4 to 64.
    static func reserve(of maximumConnections: Int) -> Int { min(max(maximumConnections / 5, 4), 64) }

    /// Sockets past the limit of one address.
    static let addressReserve = 8

    let maximumConnections: Int
    private let maximumPerAddress: Int
    let proxies: TrustedProxies
    private let sockets = ManagedAtomic<Int>(0)
    /// Nil when addresses are not counted.
    private let addresses: NIOLockedValueBox<[IPAddress: Int]>?

    /// - Parameters:
    ///   - maximumConnections: at least 1.
    ///   - maximumPerAddress: at least 1; nil: any number.
    init(maximumConnections: Int, maximumPerAddress: Int? = nil, proxies: TrustedProxies = TrustedProxies()) {
        self.maximumConnections = maximumConnections
        self.maximumPerAddress = maximumPerAddress ?? .max
        self.addresses = maximumPerAddress == nil ? nil : NIOLockedValueBox([:])
        self.proxies = proxies
    }

    /// Sockets that are open now.
    var open: Int { self.sockets.load(ordering: .relaxed) }

    /// A socket has been accepted; ``release()`` follows, whatever this says.
    func enter() -> Decision {
        let count = self.sockets.wrappingIncrementThenLoad(ordering: .relaxed)
        return Self.decision(count, limit: self.maximumConnections, Self.reserve(of: self.maximumConnections))
    }

    func release() { self.sockets.wrappingDecrement(ordering: .relaxed) }

    /// A socket's client is known; ``release(_:)`` follows, whatever this says.
    func enter(_ address: IPAddress) -> Decision {
        guard let addresses else { return .within }
        let count = addresses.withLockedValue { addresses in
            addresses[address.subscriber, default: 0] += 1
            return addresses[address.subscriber] ?? 1
        }
        return Self.decision(count, limit: self.maximumPerAddress, Self.addressReserve)
    }

    func release(_ address: IPAddress) {
        self.addresses?.withLockedValue { addresses in
            guard let count = addresses[address.subscriber] else { return }
            addresses[address.subscriber] = count > 1 ? count - 1 : nil
        }
    }

    private static func decision(_ count: Int, limit: Int, _ reserve: Int) -> Decision {
        if count <= limit { return .within }
        return count - limit <= reserve ? .over : .refused
    }
}
