import NIOCore
import NIOHTTP1

/// Whether a handler allows events of this server (the handshake of CloudEvents' HTTP webhooks). Pure.
///
/// A permission is valid for 60 s. After a refusal or a failure the handler is asked again after 1, 2, 4 … 60 s.
struct AbuseProtection {
    static let validity = TimeAmount.seconds(60)

    /// What to do with an event.
    enum Step: Hashable {
        case send
        /// Ask the handler.
        case ask
        case fail(EventFailure)
    }

    private enum State {
        case unknown
        case allowed(until: NIODeadline)
        case refused(EventFailure, until: NIODeadline, pause: TimeAmount)
    }

    private var state = State.unknown

    func step(now: NIODeadline) -> Step {
        switch self.state {
        case .unknown: .ask
        case .allowed(let end): now < end ? .send : .ask
        case .refused(let failure, let end, _): now < end ? .fail(failure) : .ask
        }
    }

    /// - Parameter failure: nil: the handler has allowed events.
    mutating func answered(_ failure: EventFailure?, now: NIODeadline) {
        guard let failure else {
            self.state = .allowed(until: now + Self.validity)
            return
        }
        var pause = TimeAmount.seconds(1)
        if case .refused(_, _, let last) = self.state { pause = min(last + last, Self.validity) }
        self.state = .refused(failure, until: now + pause, pause: pause)
    }

    /// Whether an answer to the question allows events. Names may have ports: the library for Express takes them from URLs.
    /// - Parameter origin: name of this server, without a port.
    static func isAllowed(_ fields: HTTPHeaders, origin: String) -> Bool {
        fields["webhook-allowed-origin"].contains { value in
            value.utf8.split(separator: UInt8(ascii: ",")).contains { part in
                let name = Substring(part).trimmingOWS
                return name.utf8.elementsEqual("*".utf8) || Self.withoutPort(name).isSame(origin)
            }
        }
    }

    private static func withoutPort(_ name: Substring) -> Substring {
        let digits = name.utf8.reversed().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
        let host = name.utf8.dropLast(digits)
        return digits > 0 && host.last == UInt8(ascii: ":") ? Substring(host.dropLast()) : name
    }
}
