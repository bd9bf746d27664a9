import VolaryProtocol

/// For names that stand in the test's text.
extension HubName: ExpressibleByStringLiteral {
    init(stringLiteral text: String) {
        guard let name = HubName(text) else { preconditionFailure("not a hub: \(text)") }
        self = name
    }
}
