/// A filter whose types are checked.
indirect enum FilterExpression: Hashable, Sendable {
    enum Name: Hashable {
        case connectionID
        case userID
        case subprotocol
    }

    enum Relation: String {
        case greater = "gt"
        case greaterOrEqual = "ge"
        case less = "lt"
        case lessOrEqual = "le"
    }

    case literal(FilterValue)
    case name(Name)
    case groupCount
    case call(FilterFunction, [FilterExpression])
    case not(FilterExpression)
    case all([FilterExpression])
    case any([FilterExpression])
    case equal(FilterExpression, FilterExpression)
    case compare(Relation, FilterExpression, FilterExpression)
    case isIn(FilterExpression, Set<FilterValue>)
    case isMember(FilterExpression)
}

extension FilterExpression {
    func value(_ subject: some FilterSubject) -> FilterValue {
        switch self {
        case .literal(let value): return value
        case .name(.connectionID): return .text(subject.connectionID)
        case .name(.userID): return subject.userID.map { .text($0) } ?? .null
        case .name(.subprotocol): return subject.subprotocol.map { .text($0) } ?? .null
        case .groupCount: return .number(Int64(subject.groupCount))
        case .call(let function, let arguments): return function.value(arguments.map { $0.value(subject) })
        case .not(let operand):
            guard case .boolean(let value) = operand.value(subject) else { return .null }
            return .boolean(!value)
        case .all(let operands): return Self.combine(operands, subject, decisive: false)
        case .any(let operands): return Self.combine(operands, subject, decisive: true)
        case .equal(let left, let right): return .boolean(left.value(subject) == right.value(subject))
        case .compare(let relation, let left, let right):
            guard case (.number(let left), .number(let right)) = (left.value(subject), right.value(subject)) else {
                return .boolean(false)
            }
            return .boolean(relation.holds(left, right))
        case .isIn(let operand, let values): return .boolean(values.contains(operand.value(subject)))
        case .isMember(let operand):
            guard case .text(let group) = operand.value(subject) else { return .boolean(false) }
            return .boolean(subject.isMember(of: group))
        }
    }

    /// A decisive operand decides; without one, a null makes the result null.
    private static func combine(_ operands: [FilterExpression], _ subject: some FilterSubject, decisive: Bool) -> FilterValue {
        var result = FilterValue.boolean(!decisive)
        for operand in operands {
            switch operand.value(subject) {
            case .boolean(decisive): return .boolean(decisive)
            case .null: result = .null
            case .boolean, .number, .text: break
            }
        }
        return result
    }
}

extension FilterExpression.Relation {
    fileprivate func holds(_ left: Int64, _ right: Int64) -> Bool {
        switch self {
        case .greater: left > right
        case .greaterOrEqual: left >= right
        case .less: left < right
        case .lessOrEqual: left <= right
        }
    }
}
