import Atomics
import NIOConcurrencyHelpers

/// Counts a node's sockets, in total and by client address, and decides which exceed the limits. Used from every event loop.
///
/// A socket counts from accept to close, whatever it is used for. A reserve above each limit is still accepted: these clients get
/// an answer that says why they are refused, and health checks and REST still work on a node that is full of WebSockets. Sockets
/// above the reserve are closed at once.
final class Admission: Sendable {
    enum Decision: Hashable {
        case within
        /// Above the limit, within the reserve.
        case over
        /// Above the reserve: closed at once.
        case refused
    }

    /// The reserve above the total limit: a fifth of it, from 4 to 64 sockets.
    static func reserve(of maximumConnections: Int) -> Int { min(max(maximumConnections / 5, 4), 64) }

    /// The reserve above the limit of one address.
    static let addressReserve = 8

    let maximumConnections: Int
    private let maximumPerAddress: Int
    let proxies: TrustedProxies
    private let sockets = ManagedAtomic<Int>(0)
    /// Nil when sockets are not counted by address.
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

    /// The number of open sockets.
    var open: Int { self.sockets.load(ordering: .relaxed) }

    /// Counts an accepted socket. ``release()`` must follow, whatever the decision.
    func enter() -> Decision {
        let count = self.sockets.wrappingIncrementThenLoad(ordering: .relaxed)
        return Self.decision(count, limit: self.maximumConnections, Self.reserve(of: self.maximumConnections))
    }

    func release() { self.sockets.wrappingDecrement(ordering: .relaxed) }

    /// Counts a socket's client address. ``release(_:)`` must follow, whatever the decision.
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
