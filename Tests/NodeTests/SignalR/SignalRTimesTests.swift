import NIOCore
import Testing
import VolaryProtocol

@testable import VolaryNode

/// What a node does with the time of its clients of SignalR, without a clock.
@Suite
struct SignalRTimesTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private static let id = ConnectionID("a1b2c3d400000000000000000a0b0c0d")!

    /// A session, and the verdicts about it.
    private final class Client {
        let session: SignalRSession
        private var times: SignalRTimes

        init(_ settings: SignalRTimes.Settings = .init()) throws {
            self.times = SignalRTimes(settings, now: SignalRTimesTests.start)
            let facts = SessionFacts(id: SignalRTimesTests.id, user: nil, path: "/hubs/h", subprotocol: nil)
            self.session = try #require(SignalRProtocol(maximumRecordBytes: 1024).makeSession(facts) as? SignalRSession)
        }

        func send(_ text: String) {
            var message = ClientMessage.text(ByteBuffer(string: "\(text)\u{1E}"))
            _ = try? self.session.next(in: &message)
        }

        func after(_ seconds: Int64, isReading: Bool = true) -> SignalRTimes.Verdict {
            self.times.check(now: SignalRTimesTests.start + .seconds(seconds), self.session, isReading: isReading)
        }
    }

    private static func opened(_ settings: SignalRTimes.Settings = .init()) throws -> Client {
        let client = try Client(settings)
        client.send(#"{"protocol":"json","version":1}"#)
        return client
    }

    @Test func `The handshake has 15 seconds`() throws {
        let client = try Client()
        #expect(client.after(14) == .nothing)
        #expect(client.after(15) == .noHandshake)
        #expect(try Self.opened().after(15) != .noHandshake)
    }

    @Test func `A ping goes out every 15 seconds`() throws {
        let client = try Self.opened()
        let verdicts = (1...60).map { client.after($0) }
        #expect(verdicts.enumerated().filter { $0.element == .ping }.map { $0.offset + 1 } == [15, 30, 45, 60])
    }

    @Test func `A client that has pinged may be silent for 30 seconds, and any other for ever`() throws {
        let quiet = try Self.opened()
        for second in 1...600 { #expect(quiet.after(Int64(second)) != .silent) }
        let client = try Self.opened()
        client.send(#"{"type":6}"#)
        #expect(client.after(10) == .nothing)
        #expect(client.after(39) == .ping)
        #expect(client.after(40) == .silent)
    }

    @Test func `Every message counts, and the time in which the node does not read does not`() throws {
        let client = try Self.opened()
        client.send(#"{"type":6}"#)
        #expect(client.after(10) == .nothing)
        client.send(#"{"type":2,"invocationId":"1","item":1}"#)
        #expect(client.after(35) == .ping)
        #expect(client.after(60, isReading: false) == .ping)
        #expect(client.after(89) == .ping)
        #expect(client.after(90) == .silent)
    }

    @Test func `Each time can be set`() throws {
        let settings = SignalRTimes.Settings(keepAlive: .seconds(2), silence: .seconds(7), handshake: .seconds(3))
        #expect(settings.shortest == .seconds(2))
        let late = try Client(settings)
        #expect((1...3).map { late.after($0) } == [.nothing, .nothing, .noHandshake])
        let client = try Self.opened(settings)
        client.send(#"{"type":6}"#)
        #expect((1...5).map { client.after($0) } == [.nothing, .ping, .nothing, .ping, .nothing])
        #expect(client.after(8) == .silent)
    }
}
