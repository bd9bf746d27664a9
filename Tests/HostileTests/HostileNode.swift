import TestSupport
import Testing

/// Everything here starts `volary`: one table at a time, so that its node has the machine's cores to itself.
@Suite(.serialized)
enum HostileTables {}

/// One node for all cases of a table, and beside it two innocent clients: one on `/echo`, one on `/ws` that only listens.
///
/// Behind every table the same must hold: see ``run(_:environment:tls:through:headers:preface:isTold:growth:_:)``.
final class HostileNode: Sendable {
    /// Announcements are off: the listener is to get nothing at all.
    static let quiet = ["--announcements-per-second", "off", "--node-name", "target"]

    let process: VolaryProcess
    /// Of the innocent clients and of questions about the node's health.
    let preface: [UInt8]
    private let isTold: Bool
    private let echo: WebSocketTestClient
    private let listener: WebSocketTestClient
    private let before: (descriptors: Int?, residentBytes: Int?)

    /// Starts a node, runs a table against it, and asserts that the node is alive and ready, that the innocent clients are connected and got
    /// nothing that was not theirs, that memory has stayed within its bound, and that no descriptor is left open.
    /// - Parameters:
    ///   - options: of the node, besides ``quiet``.
    ///   - headers: of the innocent clients, such as a token.
    ///   - preface: what a trusted proxy sends first for the innocent clients.
    ///   - isTold: whether the listener may hear of the node itself that messages may have been lost.
    ///   - growth: bytes by which the node's resident memory may have grown at the end. A debug build's allocator keeps some megabytes.
    static func run(
        _ options: [String] = [],
        environment: [String: String] = [:],
        tls: TestCertificate? = nil,
        through wrapper: [String] = [],
        headers: [String: String] = [:],
        preface: [UInt8] = [],
        isTold: Bool = false,
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
            let node = try await HostileNode(process, headers: headers, preface: preface, isTold: isTold)
            try await table(node)
            try await node.expectUnharmed(growth: growth)
        } catch {
            Issue.record("The node wrote:\n\(process.output.suffix(4000))")
            process.kill()
            throw error
        }
        #expect(process.isRunning, "The node ended:\n\(process.output.suffix(4000))")
        process.kill()
    }

    private init(_ process: VolaryProcess, headers: [String: String], preface: [UInt8], isTold: Bool) async throws {
        self.process = process
        (self.preface, self.isTold) = (preface, isTold)
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

    // MARK: - What must hold

    private func expectUnharmed(growth: Int) async throws {
        for path in ["/livez", "/readyz"] {
            #expect(await eventually(within: .seconds(10)) { await self.status(of: path) == 200 }, "\(path)")
        }
        try await self.expectInnocentsUnharmed()
        if let before = self.before.residentBytes, let after = self.process.residentBytes {
            #expect(after - before < growth, "resident memory grew from \(before) to \(after)")
        }
        #expect(
            await self.hasClosedAll(within: .seconds(10)),
            "\(self.before.descriptors ?? 0) descriptors before, \(self.process.openDescriptors ?? 0) at the end"
        )
    }

    /// Whether the node comes to have no more descriptors than before the table; true where the system does not say.
    func hasClosedAll(within deadline: Duration) async -> Bool {
        guard let before = self.before.descriptors else { return true }
        return await eventually(within: deadline) { self.process.openDescriptors.map { $0 <= before } ?? false }
    }

    /// The one gets its own echo and nothing else, the other nothing.
    func expectInnocentsUnharmed(_ comment: Comment? = nil) async throws {
        try #require(!self.echo.isEnded && !self.listener.isEnded, comment)
        try await self.echo.send("still here")
        #expect(try await self.echo.next(within: .seconds(5)) == .text("still here"), comment)
        #expect(self.echo.waiting == 0, comment)
        let foreign = self.listener.takeAll().filter { !self.isTold || !Self.isNotice($0) }
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
