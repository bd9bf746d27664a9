import VolaryNode

/// Answers calls by the methods of a hub.
final class TypedDispatcher<H: Hub>: HubDispatcher {
    private let hub: H
    private let operations: HubOperationsBox
    private let filters: [any HubFilter]
    /// By name in lower case.
    private let methods: [String: HubMethod<H>]

    init(_ hub: H, _ operations: HubOperationsBox, filters: [any HubFilter]) {
        self.hub = hub
        self.operations = operations
        self.filters = filters
        self.methods = Dictionary(H.methods.map { ($0.name.lowercased(), $0) }) { first, _ in
            preconditionFailure("\(H.self) has two methods '\(first.name)'")
        }
    }

    func started(with operations: HubOperations) { self.operations.set(operations) }

    func method(_ target: String) -> HubMethodShape? { self.find(target)?.shape }

    /// A name of a client is not compared as a `String` unless it is as long as a method's.
    private func find(_ target: String) -> HubMethod<H>? {
        guard target.utf8.count <= 256 else { return nil }
        return self.methods[target] ?? self.methods[target.lowercased()]
    }

    func call(_ call: HubCall) async throws -> HubResult {
        guard let method = self.find(call.target) else { throw HubFailure.unknownMethod }
        guard method.requirement?.isMet(call.caller) ?? true else { throw HubFailure.unauthorized }
        do {
            return try await self.call(call, method, after: self.filters[...])
        } catch let error as HubError {
            throw HubFailure.failed(error.text)
        }
    }

    private func call(_ call: HubCall, _ method: HubMethod<H>, after filters: ArraySlice<any HubFilter>) async throws -> HubResult
    {
        guard let filter = filters.first else { return try await method.run(self.hub, call, self.operations) }
        return try await filter.call(call) { try await self.call($0, method, after: filters.dropFirst()) }
    }

    func connected(_ caller: HubCaller) async throws {
        try await self.hub.connected(HubCallerContext(caller, self.operations))
    }

    func disconnected(_ caller: HubCaller, error: (any Error)?) async {
        await self.hub.disconnected(HubCallerContext(caller, self.operations), error: error)
    }
}
