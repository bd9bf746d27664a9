import TestSupport
import Testing

/// All suites here start `volary`. The tables run one after the other, so that their nodes do not compete for the cores.
@Suite(.serialized)
enum HostileTables {}

/// One node for all cases of a table, and two well-behaved clients: one on `/echo`, one on `/ws` that only listens.
///
/// The same conditions must hold after every table: see
/// ``run(_:environment:tls:through:headers:preface:allowsLossNotices:growth:_:)``.
final class HostileNode: Sendable {
    /// Announcements are off, so that the listener gets no message at all.
    static let quiet = ["--announcements-per-second", "off", "--node-name", "target"]

    let process: VolaryProcess
    /// For the well-behaved clients and for checks of the node's health.
    let preface: [UInt8]
    private let allowsLossNotices: Bool
    private let lasting: Int
    private let echo: WebSocketTestClient
    private let listener: WebSocketTestClient
    private let before: (descriptors: Int?, residentBytes: Int?)

    /// Starts a node, runs a table against it, and checks that the node is alive and ready, that the well-behaved clients are
    /// still connected and have received nothing unexpected, that memory has stayed within its limit, and that no descriptor is
    /// left open.
    /// - Parameters:
    ///   - options: of the node, besides ``quiet``.
    ///   - headers: of the well-behaved clients, such as a token.
    ///   - preface: the header of a trusted proxy that the well-behaved clients send first.
    ///   - allowsLossNotices: whether the node may tell the listener that messages may have been lost.
    ///   - lasting: descriptors that may stay open: a hub with sessions has links of its own.
    ///   - growth: bytes by which the node's resident memory may have grown at the end. A debug build's allocator keeps some
    ///     megabytes.
    static func run(
        _ options: [String] = [],
        environment: [String: String] = [:],
        tls: TestCertificate? = nil,
        through wrapper: [String] = [],
        headers: [String: String] = [:],
        preface: [UInt8] = [],
        allowsLossNotices: Bool = false,
        lasting: Int = 0,
        growth: Int = 24 << 20,
        _ table: (HostileNode) async throws -> Void
    ) async throws {
        let process = try await VolaryProcess.start(
            self.quiet + options,
            environment: environment,
            tls: tls,
            through: wrapper,
            until: preface.isEmpty ? .ready : .running
        )
        do {
            let node = try await HostileNode(
                process,
                headers: headers,
                preface: preface,
                allowsLossNotices: allowsLossNotices,
                lasting: lasting
            )
            try await table(node)
            try await node.expectUnharmed(growth: growth)
        } catch {
            Issue.record("The node logged:\n\(process.output.suffix(4000))")
            process.kill()
            throw error
        }
        #expect(process.isRunning, "The node ended:\n\(process.output.suffix(4000))")
        process.kill()
    }

    private init(
        _ process: VolaryProcess,
        headers: [String: String],
        preface: [UInt8],
        allowsLossNotices: Bool,
        lasting: Int
    ) async throws {
        self.process = process
        (self.preface, self.allowsLossNotices, self.lasting) = (preface, allowsLossNotices, lasting)
        let http = HTTPTestClient(port: process.port, tls: process.tls, preface: preface)
        let isReady = await eventually { (try? await http.request("GET", "/readyz"))?.status == 200 }
        try #require(isReady)
        let options = WebSocketTestClient.Options(headers: headers, tls: process.tls, preface: preface)
        self.echo = try await .connect(port: process.port, path: "/echo", options: options)
        self.listener = try await .connect(port: process.port, path: "/ws", options: options)
        try await self.echo.send("hello")
        try #require(try await self.echo.next() == .text("hello"))
        self.before = (process.openDescriptors, process.residentBytes)
    }

    // MARK: - Checks

    private func expectUnharmed(growth: Int) async throws {
        for path in ["/livez", "/readyz"] {
            #expect(await eventually(within: .seconds(10)) { await self.status(of: path) == 200 }, "\(path)")
        }
        try await self.expectOtherClientsUnaffected()
        if let before = self.before.residentBytes, let after = self.process.residentBytes {
            #expect(after - before < growth, "resident memory grew from \(before) to \(after)")
        }
        #expect(
            await self.hasClosedAll(within: .seconds(10)),
            "\(self.before.descriptors ?? 0) descriptors before, \(self.process.openDescriptors ?? 0) at the end"
        )
    }

    /// Whether the node's open descriptors fall to their number before the table; true where the system does not report them.
    func hasClosedAll(within deadline: Duration) async -> Bool {
        guard let before = self.before.descriptors else { return true }
        return await eventually(within: deadline) { self.process.openDescriptors.map { $0 <= before + self.lasting } ?? false }
    }

    /// The client of `/echo` gets only its own echo, and the listener nothing.
    func expectOtherClientsUnaffected(_ comment: Comment? = nil) async throws {
        try #require(!self.echo.isEnded && !self.listener.isEnded, comment)
        try await self.echo.send("still here")
        #expect(try await self.echo.next(within: .seconds(5)) == .text("still here"), comment)
        #expect(self.echo.waiting == 0, comment)
        let foreign = self.listener.takeAll().filter { !self.allowsLossNotices || !Self.isNotice($0) }
        #expect(foreign.isEmpty, comment)
    }

    private static func isNotice(_ message: WebSocketTestClient.Message) -> Bool {
        guard case .text(let text) = message else { return false }
        return text.contains(#""type":"system""#) && text.contains("lost.")
    }

    /// Nil without an answer.
    func status(of path: String) async -> Int? {
        let http = HTTPTestClient(port: self.process.port, tls: self.process.tls, preface: self.preface)
        return (try? await http.request("GET", path, within: .seconds(5)))?.status
    }
}
