@testable import VolaryProtocol

enum FilterFuzz {
    private struct Subject: FilterSubject {
        var connectionID: UTF8Text { "c1" }
        let userID: UTF8Text?
        let subprotocol: UTF8Text?
        var groupCount: Int { self.userID == nil ? 0 : 2 }

        func isMember(of group: UTF8Text) -> Bool { self.userID != nil && (group == "a" || group == "b") }
    }

    /// A filter means the same in parentheses; its opposite never selects the same connection.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        let text = String(decoding: input, as: UTF8.self)
        guard let filter = try? PubSubFilter(parsing: UTF8Text(text)) else { return }
        let same = try? PubSubFilter(parsing: UTF8Text("(\(text))"))
        let opposite = try? PubSubFilter(parsing: UTF8Text("not (\(text))"))
        for subject in [Subject(userID: "ann", subprotocol: "json.webpubsub.azure.v1"), Subject(userID: nil, subprotocol: nil)] {
            let isSelected = filter.matches(subject)
            // The nesting may be at its limit.
            try hold(same.map { $0.matches(subject) == isSelected } ?? true, "\(text) differs in parentheses")
            try hold(!isSelected || !(opposite?.matches(subject) ?? false), "\(text) and its opposite select")
        }
    }

    static var seeds: [[UInt8]] {
        [
            "userId eq 'ann'", "userId ne null and not ('spam' in groups)", "length(groups) gt 0", "userId in ('a','b')",
            "startswith(userId,'team-') or connectionId eq 'x'", "userId eq 'O''Hara'",
            "substring(concat(userId,'\u{1F600}'),1,2) eq null",
            "indexof(tolower(trim(protocol)),'json') ge -1 eq true",
            "contains(toupper(connectionId),'C') and endswith(userId,'n')",
        ].map { Array($0.utf8) }
    }
}
