/// Reads a filter and checks its types. `not` binds tightest, then comparisons, equality, `and`, `or`.
struct FilterParser {
    /// An expression with what its context has to know.
    struct Typed {
        let expression: FilterExpression
        let type: FilterType
        /// Levels of nested expressions.
        var depth = 1
        /// The longest text that it can be.
        var textBytes = 0
    }

    private var lexer: FilterLexer
    private var token = FilterToken.end
    private var nesting = 0
    private var nodes = 0
    /// Texts that functions read, added up.
    private var textBytes = 0

    init(_ text: UTF8Text) throws(FilterFault) {
        self.lexer = FilterLexer(text)
        try self.advance()
    }

    mutating func parse() throws(FilterFault) -> FilterExpression {
        let condition = try self.boolean(try self.or())
        guard self.token == .end else { throw self.unexpected }
        return condition.expression
    }

    // MARK: - Operators

    private mutating func or() throws(FilterFault) -> Typed {
        let first = try self.and()
        guard self.isWord("or") else { return first }
        var operands = [try self.boolean(first)]
        while try self.take("or") { operands.append(try self.boolean(try self.and())) }
        return try self.node(.any(operands.map(\.expression)), .boolean, of: operands)
    }

    private mutating func and() throws(FilterFault) -> Typed {
        let first = try self.equality()
        guard self.isWord("and") else { return first }
        var operands = [try self.boolean(first)]
        while try self.take("and") { operands.append(try self.boolean(try self.equality())) }
        return try self.node(.all(operands.map(\.expression)), .boolean, of: operands)
    }

    private mutating func equality() throws(FilterFault) -> Typed {
        var left = try self.relation()
        while self.isWord("eq") || self.isWord("ne") {
            let isNegated = self.isWord("ne")
            try self.advance()
            let right = try self.relation()
            guard left.type != .collection, right.type != .collection, right.type.fits(left.type) || left.type == .null else {
                throw .type(found: right.type.rawValue, expected: left.type.rawValue)
            }
            let equal = FilterExpression.equal(left.expression, right.expression)
            left = try self.node(isNegated ? .not(equal) : equal, .boolean, of: [left, right])
        }
        return left
    }

    private mutating func relation() throws(FilterFault) -> Typed {
        let left = try self.unary()
        if try self.take("in") { return try self.list(left) }
        guard case .word(let word) = self.token, let relation = FilterExpression.Relation(rawValue: word.string) else {
            return left
        }
        try self.advance()
        let right = try self.unary()
        for side in [left, right] { try Self.check(side, .number) }
        return try self.node(.compare(relation, left.expression, right.expression), .boolean, of: [left, right])
    }

    /// What follows `in`.
    private mutating func list(_ left: Typed) throws(FilterFault) -> Typed {
        if try self.take("groups") {
            try Self.check(left, .text)
            return try self.node(.isMember(left.expression), .boolean, of: [left])
        }
        guard left.type != .collection else { throw .type(found: left.type.rawValue, expected: FilterType.text.rawValue) }
        try self.expect(.open)
        var values: Set<FilterValue> = []
        repeat {
            guard let value = self.literal else { throw self.unexpected }
            guard value.type.fits(left.type) || left.type == .null else {
                throw .type(found: value.type.rawValue, expected: left.type.rawValue)
            }
            values.insert(value)
            try self.advance()
        } while try self.take(.comma)
        try self.expect(.close)
        return try self.node(.isIn(left.expression, values), .boolean, of: [left])
    }

    private mutating func unary() throws(FilterFault) -> Typed {
        guard try self.take("not") else { return try self.primary() }
        try self.enter()
        defer { self.nesting -= 1 }
        let operand = try self.boolean(try self.unary())
        return try self.node(.not(operand.expression), .boolean, of: [operand])
    }

    // MARK: - Operands

    private mutating func primary() throws(FilterFault) -> Typed {
        if let value = self.literal {
            try self.advance()
            var bytes = 0
            if case .text(let text) = value { bytes = text.utf8.count }
            return try self.node(.literal(value), value.type, textBytes: bytes)
        }
        if try self.take(.open) {
            try self.enter()
            defer { self.nesting -= 1 }
            let inner = try self.or()
            try self.expect(.close)
            return inner
        }
        guard case .word(let word) = self.token else { throw self.unexpected }
        try self.advance()
        if self.token == .open { return try self.call(word) }
        switch word {
        case "connectionid": return try self.node(.name(.connectionID), .text, textBytes: AudienceName.maximumBytes)
        case "userid": return try self.node(.name(.userID), .text, textBytes: AudienceName.maximumBytes)
        case "protocol": return try self.node(.name(.subprotocol), .text, textBytes: AudienceName.maximumBytes)
        case "groups": return try self.node(.groupCount, .collection)
        default: throw .unknown(word)
        }
    }

    private mutating func call(_ word: UTF8Text) throws(FilterFault) -> Typed {
        guard let function = FilterFunction(rawValue: word.string) else { throw .unknown(word) }
        try self.expect(.open)
        try self.enter()
        defer { self.nesting -= 1 }
        var arguments: [Typed] = []
        if self.token != .close {
            repeat { arguments.append(try self.or()) } while try self.take(.comma)
        }
        try self.expect(.close)
        return try self.call(function, arguments)
    }

    private mutating func call(_ function: FilterFunction, _ arguments: [Typed]) throws(FilterFault) -> Typed {
        let parameters = function.parameters
        guard arguments.count == parameters.count || function == .substring && arguments.count == 2 else {
            throw .argumentCount(function: function.rawValue)
        }
        // The only function of a collection.
        if function == .length, arguments[0].type == .collection { return try self.node(.groupCount, .number) }
        for (argument, parameter) in zip(arguments, parameters) { try Self.check(argument, parameter) }
        let read = arguments.reduce(0) { $0 + $1.textBytes }
        self.textBytes += read
        // Another case of a character takes at most half as many bytes again.
        let written = function == .lowercase || function == .uppercase ? read + read / 2 : read
        return try self.node(
            .call(function, arguments.map(\.expression)),
            function.result,
            of: arguments,
            textBytes: function.result == .text ? written : 0
        )
    }

    private var literal: FilterValue? {
        switch self.token {
        case .literal(let value): value
        case .word("true"): .boolean(true)
        case .word("false"): .boolean(false)
        case .word("null"): .null
        default: nil
        }
    }

    // MARK: - Types and limits

    private func boolean(_ operand: Typed) throws(FilterFault) -> Typed {
        guard operand.type == .boolean else {
            throw .type(found: operand.type.rawValue, expected: FilterType.boolean.rawValue)
        }
        return operand
    }

    private static func check(_ operand: Typed, _ type: FilterType) throws(FilterFault) {
        guard operand.type.fits(type) else { throw .type(found: operand.type.rawValue, expected: type.rawValue) }
    }

    private mutating func node(
        _ expression: FilterExpression,
        _ type: FilterType,
        of operands: [Typed] = [],
        textBytes: Int = 0
    ) throws(FilterFault) -> Typed {
        let depth = 1 + operands.reduce(0) { max($0, $1.depth) }
        self.nodes += 1
        guard depth <= PubSubFilter.maximumDepth, self.nodes <= PubSubFilter.maximumNodes,
            self.textBytes <= PubSubFilter.maximumTextBytes
        else { throw .tooComplex }
        return Typed(expression: expression, type: type, depth: depth, textBytes: textBytes)
    }

    private mutating func enter() throws(FilterFault) {
        self.nesting += 1
        guard self.nesting <= PubSubFilter.maximumDepth else { throw .tooComplex }
    }

    // MARK: - Tokens

    private var unexpected: FilterFault { .syntax(position: self.lexer.start) }

    private mutating func advance() throws(FilterFault) { self.token = try self.lexer.next() }

    private func isWord(_ word: UTF8Text) -> Bool { self.token == .word(word) }

    private mutating func take(_ word: UTF8Text) throws(FilterFault) -> Bool { try self.take(.word(word)) }

    private mutating func take(_ token: FilterToken) throws(FilterFault) -> Bool {
        guard self.token == token else { return false }
        try self.advance()
        return true
    }

    private mutating func expect(_ token: FilterToken) throws(FilterFault) {
        guard try self.take(token) else { throw self.unexpected }
    }
}
