public import VolaryNode

/// A call of a client, as filters see it.
public typealias HubCall = VolaryNode.HubCall

/// Wraps all calls of a hub: to log, to measure, to refuse.
public protocol HubFilter: Sendable {
    /// - Parameter next: the next filter, or the method. A filter that does not call it answers in place of the method.
    func call(
        _ call: HubCall,
        next: @Sendable (HubCall) async throws -> HubResult
    ) async throws -> HubResult
}

/// What the caller of a method must have. Checked before arguments are decoded.
public struct HubRequirement: Sendable {
    let isMet: @Sendable (HubCaller) -> Bool

    public init(_ isMet: @escaping @Sendable (HubCaller) -> Bool) {
        self.isMet = isMet
    }

    /// A user.
    public static let user = HubRequirement { $0.user != nil }

    /// A claim of the client's token with this text, or with a list that contains it.
    public static func claim(_ name: String, _ text: String) -> HubRequirement {
        HubRequirement { $0.claims[name].contains(text) }
    }

    /// The claim `role` or `roles`.
    public static func role(_ text: String) -> HubRequirement {
        HubRequirement { $0.claims["role"].contains(text) || $0.claims["roles"].contains(text) }
    }
}
