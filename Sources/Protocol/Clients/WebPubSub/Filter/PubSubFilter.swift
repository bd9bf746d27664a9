/// A condition on a connection, in a subset of OData: `userId eq 'ann' and not ('spam' in groups)`.
///
/// Operators, names and functions are in any case; texts are compared exactly, by bytes. A comparison of numbers with null is
/// false, and a function of null is null. `and`, `or` and `not` treat null as unknown; a filter whose result is unknown does not
/// match.
public struct PubSubFilter: Hashable, Sendable {
    /// Nesting: 100 levels. Each level costs stack frames.
    static let maximumDepth = 100
    /// Literals, names, functions and operators: 4,000. Literals of an `in` list do not count; a list of any length takes the
    /// same time.
    static let maximumNodes = 4000
    /// Texts that functions read for one connection, added up: 1 MiB.
    static let maximumTextBytes = 1024 * 1024

    /// The text of a filter that nodes pass on in a field of an envelope: 16 KiB.
    package static let maximumBytes = 16 * 1024

    public let text: UTF8Text
    private let condition: FilterExpression

    /// - Throws: a ``FilterFault``, also for types that do not fit.
    public init(parsing text: UTF8Text) throws(FilterFault) {
        self.text = text
        var parser = try FilterParser(text)
        self.condition = try parser.parse()
    }

    /// Texts whose spelling differs are two filters.
    public static func == (left: PubSubFilter, right: PubSubFilter) -> Bool { left.text == right.text }

    public func hash(into hasher: inout Hasher) { hasher.combine(self.text) }

    public func matches(_ subject: some FilterSubject) -> Bool { self.condition.value(subject) == .boolean(true) }
}
