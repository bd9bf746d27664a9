import TestSupport
import Testing

@testable import VolaryProtocol

/// Texts that are no filters, and limits.
@Suite
struct PubSubFilterFaultTests {
    private func fault(_ filter: String) -> FilterFault? {
        do throws(FilterFault) {
            _ = try PubSubFilter(parsing: UTF8Text(filter))
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        ("", 0), (" ", 1), ("true true", 5), ("(true", 5), ("true)", 4), ("()", 1), ("true and", 8), ("true eq", 7),
        ("1 eq 01a", 5), ("1 eq 1.5", 5), ("1 eq -", 5), ("1 eq 9223372036854775808", 5), ("1 eq -9223372036854775809", 5),
        ("1 eq - 1", 5), ("userId eq 'a", 10), ("userId eq 'a''", 10), ("userId eq \"a\"", 10), ("userId = 'a'", 7),
        ("ä eq 'a'", 0),
        ("userId in 'a'", 10), ("userId in ()", 11), ("userId in ('a',)", 15), ("userId in ('a' 'b')", 15),
        ("userId in (userId)", 11),
        ("length('a'", 10), ("length('a',) eq 1", 11), ("not", 3), ("1 lt 2 lt 3", 7), ("userId; true", 6),
        ("'a' in ('a') in ('a')", 13),
        ("userId eq 'a' -- x", 14), ("true\u{0}", 4),
    ])
    func `A text with a wrong word is refused, with its position`(filter: String, position: Int) {
        #expect(self.fault(filter) == .syntax(position: position))
    }

    @Test(
        arguments: [
            ("name eq 'a'", "name"), ("metadata.a eq 'b'", "metadata.a"), ("round(1) eq 1", "round"),
            ("userId() eq 'a'", "userid"), ("or", "or"), ("and true", "and"),
        ] as [(String, UTF8Text)]
    )
    func `Names and functions that do not exist are refused`(filter: String, name: UTF8Text) {
        #expect(self.fault(filter) == .unknown(name))
    }

    @Test(arguments: [
        ("'a'", "string", "bool"), ("1", "int", "bool"), ("userId", "string", "bool"), ("groups", "collection", "bool"),
        ("null", "null", "bool"), ("userId lt 1", "string", "int"), ("1 lt userId", "string", "int"),
        ("true gt false", "bool", "int"),
        ("userId eq 1", "int", "string"), ("1 eq true", "bool", "int"), ("groups eq null", "null", "collection"),
        ("null eq groups", "collection", "null"),
        ("userId and true", "string", "bool"), ("true or 1", "int", "bool"), ("true and null", "null", "bool"),
        ("not 1", "int", "bool"),
        ("not userId eq 'a'", "string", "bool"), ("1 in groups", "int", "string"), ("true in groups", "bool", "string"),
        ("groups in groups", "collection", "string"), ("groups in ('a')", "collection", "string"),
        ("userId in (1)", "int", "string"),
        ("1 in (1,'a')", "string", "int"), ("length(1) eq 1", "int", "string"),
        ("tolower(groups) eq 'a'", "collection", "string"),
        ("concat('a',1) eq 'a'", "int", "string"), ("substring('a','b') eq 'a'", "string", "int"),
        ("substring('a',1,true) eq 'a'", "bool", "int"),
        ("startswith(true,'a')", "bool", "string"), ("tolower('a')", "string", "bool"), ("'a' eq 'a' eq 'a'", "string", "bool"),
    ])
    func `Types are checked when a filter is read`(filter: String, found: String, expected: String) {
        #expect(self.fault(filter) == .type(found: found, expected: expected))
    }

    @Test(arguments: [
        ("length() eq 1", "length"), ("length('a','b') eq 1", "length"), ("concat('a') eq 'a'", "concat"),
        ("substring('a') eq 'a'", "substring"), ("substring('a',1,2,3) eq 'a'", "substring"), ("indexof('a') eq 1", "indexof"),
    ])
    func `Functions have their numbers of arguments`(filter: String, function: String) {
        #expect(self.fault(filter) == .argumentCount(function: function))
    }

    @Test func `The message for the caller quotes the filter`() {
        let filter: UTF8Text = "userId lt 1"
        #expect(
            self.fault(filter.string)?.message(for: filter)
                == "Invalid syntax for 'userId lt 1': Type 'string', expect 'int'. (Parameter 'filter')"
        )
        let long = UTF8Text(String(repeating: "ä", count: 100_000))
        #expect(self.fault(long.string)!.message(for: long).utf8.count < 400)
        let word = UTF8Text(String(repeating: "x", count: 100_000))
        #expect(self.fault(word.string)!.message(for: word).utf8.count < 400)
    }

    // MARK: - Limits

    private static func nested(_ first: String, _ count: Int, _ last: String, around inner: String = "true") -> String {
        String(repeating: first, count: count) + inner + String(repeating: last, count: count)
    }

    @Test func `Nesting has a bound in every form`() {
        #expect(self.fault(Self.nested("(", 100, ")")) == nil)
        for count in [101, 100_000] {
            for (first, last) in [
                ("(", ")"), ("not ", ""), ("not(", ")"), ("true eq (", ")"), ("true and (", ")"), ("trim(", ")"),
            ] {
                #expect(self.fault(Self.nested(first, count, last)) == .tooComplex)
            }
            #expect(self.fault("true" + String(repeating: " eq true", count: count)) == .tooComplex)
        }
    }

    @Test func `A filter has at most 4,000 operands and operators, but lists of any length`() throws {
        // One operator and two operands each.
        #expect(self.fault((0..<1300).map { "userId eq '\($0)'" }.joined(separator: " or ")) == nil)
        #expect(self.fault((0..<10_000).map { "userId eq '\($0)'" }.joined(separator: " or ")) == .tooComplex)
        let list = try PubSubFilter(parsing: UTF8Text("userId in (\((0..<50_000).map { "'u\($0)'" }.joined(separator: ",")))"))
        #expect(list.matches(TestSubject(userID: "u49999")) && !list.matches(TestSubject(userID: "u50000")))
    }

    @Test(.timeLimit(.minutes(5))) func `What functions read has a bound, and takes linear time`() throws {
        var double = "userId"
        for _ in 0..<12 { double = "concat(\(double),\(double))" }
        #expect(self.fault("\(double) eq 'a'") == .tooComplex)
        let a = String(repeating: "a", count: 200_000)
        let filter = try PubSubFilter(
            parsing: UTF8Text("contains('\(a)\(a)','\(a)b') or tolower('\(a)') eq 'x' or indexof('\(a)','b') ge 0")
        )
        #expect(!filter.matches(TestSubject()))
        let marks = String(repeating: "\u{301}\u{323}", count: 50_000)
        #expect(
            try !PubSubFilter(parsing: UTF8Text("contains('\(marks)','x') or '\(marks)' in groups or trim('\(marks)') eq 'x'"))
                .matches(TestSubject())
        )
    }

    @Test func `A text of 100 KB is read or refused, whatever it is`() {
        for unit in ["(", "not ", "'", "1", "a", "a(", "(1,", " ", "userId in (", "true and ", "\u{1F600}", "'a' eq "] {
            _ = self.fault(String(repeating: unit, count: 100_000 / unit.utf8.count))
        }
    }
}
