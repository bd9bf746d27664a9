import Logging
import NIOCore
import NIOHTTP1
import Testing
import VolaryProtocol

@testable import VolaryNode

/// What is counted and written of clients and callers.
@Suite
struct ActivityLogTests {
    private static let connection = ConnectionID.random(on: .random())

    private static func request(_ headers: HTTPHeaders = [:]) -> HTTPRequestHead {
        HTTPRequestHead(version: .http1_1, method: .GET, uri: "/ws?access_token=hunter2", headers: headers)
    }

    @Test
    func `A refused handshake has a reason; only a refused origin is named, and nothing else of the request`() {
        let activity = RecordedActivity()
        let request = Self.request(["Origin": "https://evil.example", "User-Agent": "hunter2", "Cookie": "hunter2"])
        for refusal in [WebSocketHandshake.Refusal.originNotAllowed, .unauthorized(.expired), .overLimit(.tooManyFromAddress)] {
            activity.log.handshakeRefused(refusal, request)
        }
        #expect(
            activity.lines == [
                "info Handshake refused volary.option=allowed-origins volary.origin=https://evil.example volary.reason=origin-not-allowed",
                "info Handshake refused volary.reason=token-expired",
                "info Handshake refused volary.reason=too-many-from-address",
            ]
        )
        for reason in ["origin-not-allowed", "token-expired", "too-many-from-address"] {
            #expect(activity.count("volary_handshakes_refused_total{reason=\"\(reason)\"}") == 1)
        }
        #expect(!activity.lines.joined().contains("hunter2"))
    }

    @Test
    func `A flood is counted whole and written in part, reason by reason`() {
        let activity = RecordedActivity()
        for _ in 0..<1000 { activity.log.handshakeRefused(.draining, Self.request()) }
        activity.log.handshakeRefused(.badKey, Self.request())
        #expect(activity.lines.count == 6)
        activity.advance(by: .seconds(1))
        activity.log.handshakeRefused(.draining, Self.request())
        #expect(activity.lines.last == "info Handshake refused volary.reason=draining volary.suppressed=995")
        #expect(activity.count("volary_handshakes_refused_total{reason=\"draining\"}") == 1001)
    }

    @Test(
        arguments: [
            (CloseCode.normal, ConnectionClose.Side.client, "1000", "debug"), (.serviceRestart, .server, "1012", "debug"),
            (.tryAgainLater, .server, "1013", "info"), (.tryAgainLater, .client, "1013", "debug"),
            (nil, .client, "1006", "debug"),
            (.protocolError, .server, "1002", "info"), (CloseCode(rawValue: 1005), .client, "1005", "debug"),
            (CloseCode(rawValue: 4321), .server, "other", "debug"),
        ] as [(CloseCode?, ConnectionClose.Side, String, String)]
    )
    func `A close is counted by code and side; what a client did wrong is news`(
        code: CloseCode?,
        side: ConnectionClose.Side,
        label: String,
        level: String
    ) {
        let activity = RecordedActivity()
        activity.log.connectionClosed(Self.connection, code: code, side: side)
        #expect(activity.count("volary_websocket_closes_total{code=\"\(label)\",side=\"\(side)\"}") == 1)
        let shown = code?.rawValue ?? 1006
        #expect(
            activity.lines == [
                "\(level) Connection closed volary.code=\(shown) volary.connection=\(Self.connection) volary.side=\(side)"
            ]
        )
    }

    @Test
    func `An answer is counted by route and status; refusals and failures are news, but a node that is not ready is not`() {
        let activity = RecordedActivity()
        activity.log.requestAnswered(.broadcast, status: 200)
        activity.log.requestAnswered(.broadcast, status: 401, .unauthorized(.expired))
        activity.log.requestAnswered(.getConnection, status: 404, .unknownConnection)
        activity.log.requestAnswered(.listConnections, status: 503, .presenceUnavailable)
        activity.log.requestAnswered(.ready, status: 503)
        activity.log.requestAnswered(.other, status: 299)
        let route = "volary.route=POST /api/connections/broadcast"
        #expect(
            activity.lines == [
                "debug Request answered \(route) volary.status=200",
                "info Request answered volary.problem=unauthorized volary.reason=The token has expired. \(route) volary.status=401",
                "debug Request answered volary.problem=unknown-connection volary.route=GET /api/connections/{id} volary.status=404",
                "info Request answered volary.problem=presence-unavailable volary.route=GET /api/connections volary.status=503",
                "debug Request answered volary.route=GET /readyz volary.status=503",
                "debug Request answered volary.route=other other volary.status=299",
            ]
        )
        let counted = "volary_http_requests_total{method=\"POST\",route=\"/api/connections/broadcast\",status=\"401\"}"
        #expect(activity.count(counted) == 1)
        #expect(activity.count("volary_http_requests_total{method=\"other\",route=\"other\",status=\"other\"}") == 1)
    }

    @Test
    func `A change says who asked for it: a key by the beginning of its hash, a user by its name, or nobody in particular`()
        throws
    {
        let activity = RecordedActivity()
        let key = "correct-horse-battery"
        let keys = [try #require(APIKey(key, permissions: [.manage]))]
        let caller = try #require(APIKey.principal(for: key, in: keys))
        activity.log.changed(.drain, of: "n1", by: caller)
        activity.log.changed(.leave, of: "c1", by: Principal(identity: "user alice", permissions: []))
        activity.log.changed(.close, of: "c2", by: nil)
        let digits = caller.identity.dropFirst(4).prefix(8)
        #expect(
            activity.lines == [
                "info Change by REST volary.caller=key \(digits) volary.change=drain volary.target=n1",
                "debug Change by REST volary.caller=user alice volary.change=leave volary.target=c1",
                "info Change by REST volary.caller=anybody volary.change=close volary.target=c2",
            ]
        )
        #expect(!activity.lines.joined().contains(key) && !activity.lines.joined().contains(caller.identity))
        for (change, credential) in [("drain", "key"), ("leave", "token"), ("close", "none")] {
            #expect(activity.count("volary_rest_changes_total{change=\"\(change)\",credential=\"\(credential)\"}") == 1)
        }
    }

    @Test
    func `Below its level nothing is written, and nothing is left out of a later line's count`() {
        let recorder = LogRecorder()
        let log = ActivityLog(metrics: NodeMetrics(factory: MetricsRegistry()), logger: recorder.logger(level: .info))
        for _ in 0..<100 { log.requestAnswered(.live, status: 200) }
        #expect(recorder.lines.isEmpty)
    }
}
