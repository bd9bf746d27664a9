import VolaryNode

/// A method of a hub that clients may call. `method` and `stream` make it.
public struct HubMethod<H: Hub>: Sendable {
    let name: String
    let shape: HubMethodShape
    let requirement: HubRequirement?
    let run: @Sendable (H, HubCall, HubOperationsBox) async throws -> HubResult

    init(
        _ name: String,
        _ requirement: HubRequirement?,
        _ shape: HubMethodShape,
        _ run: @escaping @Sendable (H, HubCall, HubOperationsBox) async throws -> HubResult
    ) {
        self.name = name
        self.shape = shape
        self.requirement = requirement
        self.run = run
    }
}

/// The list of a hub's methods, one in each line.
@resultBuilder
public enum HubMethods<H: Hub> {
    public static func buildBlock(_ methods: HubMethod<H>...) -> [HubMethod<H>] { methods }
}

extension Hub {
    /// A method with a result.
    ///
    /// Parameters are decoded by position. ``HubCallerContext`` and ``Upload`` may stand anywhere among them, and are no arguments of the client.
    /// - Parameters:
    ///   - name: for clients.
    ///   - requirement: what the caller must have; nil: nothing.
    ///   - method: such as `Chat.say`.
    public static func method<each Argument: Decodable & Sendable, Result: Encodable & Sendable>(
        _ name: String,
        requires requirement: HubRequirement? = nil,
        _ method: @escaping @Sendable (Self) -> (repeat each Argument) async throws -> Result
    ) -> HubMethod<Self> {
        let shape = HubMethodShape(uploads: ArgumentReader.uploads(repeat (each Argument).self))
        return HubMethod(name, requirement, shape) { hub, call, operations in
            let arguments = try ArgumentReader.arguments(of: call, operations, as: repeat (each Argument).self)
            return .value(HubValue(try await method(hub)(repeat each arguments)))
        }
    }

    /// A method without a result.
    public static func method<each Argument: Decodable & Sendable>(
        _ name: String,
        requires requirement: HubRequirement? = nil,
        _ method: @escaping @Sendable (Self) -> (repeat each Argument) async throws -> Void
    ) -> HubMethod<Self> {
        let shape = HubMethodShape(uploads: ArgumentReader.uploads(repeat (each Argument).self))
        return HubMethod(name, requirement, shape) { hub, call, operations in
            let arguments = try ArgumentReader.arguments(of: call, operations, as: repeat (each Argument).self)
            try await method(hub)(repeat each arguments)
            return .void
        }
    }

    /// A method that answers with a stream. Its task is canceled when the client wants no more, or is gone.
    public static func stream<each Argument: Decodable & Sendable, Items: AsyncSequence & Sendable>(
        _ name: String,
        requires requirement: HubRequirement? = nil,
        _ method: @escaping @Sendable (Self) -> (repeat each Argument) async throws -> Items
    ) -> HubMethod<Self> where Items.Element: Encodable & Sendable {
        let shape = HubMethodShape(isStream: true, uploads: ArgumentReader.uploads(repeat (each Argument).self))
        return HubMethod(name, requirement, shape) { hub, call, operations in
            let arguments = try ArgumentReader.arguments(of: call, operations, as: repeat (each Argument).self)
            let items = try await method(hub)(repeat each arguments)
            do {
                for try await item in items { try await call.send(HubValue(item)) }
            } catch let error as HubError {
                throw HubFailure.streamFailed(error.text)
            }
            return .void
        }
    }
}
