/// Why a text is not a filter.
public enum FilterFault: Error, Hashable, Sendable {
    /// - position: of the first byte that does not fit.
    case syntax(position: Int)
    /// A name or function that does not exist.
    case unknown(UTF8Text)
    case argumentCount(function: String)
    /// - found, expected: names of types.
    case type(found: String, expected: String)
    /// A limit of ``PubSubFilter``.
    case tooComplex

    /// For the caller of REST.
    public func message(for filter: UTF8Text) -> String {
        "Invalid syntax for '\(filter.string.prefix(maximumBytes: 200))': \(self.reason) (Parameter 'filter')"
    }

    private var reason: String {
        switch self {
        case .syntax(let position): "Unexpected character or word at position \(position)."
        case .unknown(let name): "Unknown name '\(name.string.prefix(maximumBytes: 64))'."
        case .argumentCount(let function): "Wrong number of arguments of '\(function)'."
        case .type(let found, let expected): "Type '\(found)', expect '\(expected)'."
        case .tooComplex: "The filter is too complex."
        }
    }
}
