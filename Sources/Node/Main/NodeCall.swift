import ArgumentParser
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import VolaryCommand
import VolaryNode

/// Options of the commands that ask a node, and the request.
struct NodeCall: ParsableArguments {
    /// Largest answer: 16 MiB.
    private static let maximumBytes = 16 * 1024 * 1024

    @Option(help: "URL of a node or a balancer. Default: the node that VOLARY_HOST, VOLARY_PORT, VOLARY_CONFIG describe.")
    var url: String?

    @Option(
        name: .customLong("api-key"),
        help: "Key or token for REST. Better set as VOLARY_API_KEY: other users of the machine can see flags."
    )
    var key: String?

    @Option(name: .customLong("ca"), help: "PEM file with the authorities of the server's certificate.")
    var authorities: String?

    struct Answer {
        let status: Int
        let body: String
    }

    /// - Parameters:
    ///   - body: JSON; nil for none.
    ///   - timeout: for everything, the answer included.
    /// - Throws: the end of the program with status 1, after the reason has been written, when there is no answer.
    func send(_ method: String, _ path: String, body: String? = nil, timeout: TimeAmount = .seconds(35)) async throws -> Answer {
        let base = try self.base()
        var request = HTTPClientRequest(url: base + path)
        request.method = .init(rawValue: method)
        let environment = ProcessInfo.processInfo.environment
        if let key = self.key ?? environment["VOLARY_API_KEY"], !key.isEmpty {
            request.headers.add(name: "authorization", value: "Bearer \(key)")
        }
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body))
        }
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: self.configuration)
        do {
            let response = try await client.execute(request, timeout: timeout)
            let bytes = try await response.body.collect(upTo: Self.maximumBytes)
            try await client.shutdown()
            return Answer(status: Int(response.status.code), body: String(buffer: bytes))
        } catch {
            try? await client.shutdown()
            Refusal.write("no answer from \(Refusal.printable(base)): \(Refusal.printable(Self.reason(error)))")
            throw ExitCode.failure
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError: error.description
        case is NIOConnectionError: "the connection is refused"
        case let error as IOError: String(cString: strerror(error.errnoCode))
        default: "\(error)"
        }
    }

    /// As ``send(_:_:body:timeout:)``; an answer of 400 or more ends the program, too.
    func accepted(_ method: String, _ path: String, body: String? = nil) async throws -> Answer {
        let answer = try await self.send(method, path, body: body)
        guard answer.status < 400 else {
            let problem = try? JSONDecoder().decode(Problem.self, from: Data(answer.body.utf8))
            Refusal.write("\(answer.status) \(Refusal.printable(problem?.detail ?? answer.body))")
            throw ExitCode.failure
        }
        return answer
    }

    private struct Problem: Decodable {
        let detail: String
    }

    private func base() throws -> String {
        if let url {
            guard let parts = URL(string: url), ["http", "https"].contains(parts.scheme), parts.host?.isEmpty == false else {
                throw ValidationError("--url must be a URL such as http://127.0.0.1:8080.")
            }
            return url.hasSuffix("/") ? String(url.dropLast()) : url
        }
        do throws(ConfigurationError) {
            return try ConfigurationLoader(flags: [:], environment: ProcessInfo.processInfo.environment, file: nil).localURL
        } catch {
            throw Refusal.of(error)
        }
    }

    private var configuration: HTTPClient.Configuration {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let authorities { tls.trustRoots = .file(authorities) }
        // A node's certificate is for the name that its clients use, which is not the address of its own machine.
        if self.url == nil { tls.certificateVerification = .none }
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(3)
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }
}
