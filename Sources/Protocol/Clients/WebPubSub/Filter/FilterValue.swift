/// A value of a filter expression.
enum FilterValue: Hashable, Sendable {
    case null
    case boolean(Bool)
    case number(Int64)
    case text(UTF8Text)

    var type: FilterType {
        switch self {
        case .null: .null
        case .boolean: .boolean
        case .number: .number
        case .text: .text
        }
    }
}

/// The type of a filter expression, with its name in messages. A value of any type may be null, but for collections.
enum FilterType: String, Hashable, Sendable {
    /// Of the literal `null`, which fits every type.
    case null
    case boolean = "bool"
    case number = "int"
    case text = "string"
    case collection

    func fits(_ other: FilterType) -> Bool { self == other || self == .null }
}
