import VolaryProtocol

/// Which events of clients a handler gets: all, none, or those with these names in any case.
enum UserEventPattern: Hashable, Sendable {
    /// For error messages.
    static let rule = "'*', or names of events separated by commas, such as order.placed,message; empty for none"

    case all
    /// In lower case.
    case names(Set<String>)

    static let none = UserEventPattern.names([])

    init?(_ text: String) {
        if text == "*" {
            self = .all
            return
        }
        var names: Set<String> = []
        let parts = text.isEmpty ? [] : text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        for part in parts {
            guard let event = EventName(UTF8Text(String(Substring(part.drop { $0 == UInt8(ascii: " ") })))) else { return nil }
            names.insert(event.text.lowercased())
        }
        self = .names(names)
    }

    func matches(_ event: EventName) -> Bool {
        switch self {
        case .all: true
        case .names(let names): names.contains(event.text.lowercased())
        }
    }
}
