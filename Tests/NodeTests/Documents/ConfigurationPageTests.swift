import Foundation
import Testing

@testable import VolaryNode

/// The page about configuration.
@Suite
struct ConfigurationPageTests {
    /// The rows of the tables of options: names, defaults, what is set, and when to change it.
    private static func rows() throws -> [[String]] {
        try Page("\(Page.catalogue)/Configuration.md").rows.filter { $0[0].hasPrefix("`--") }
    }

    /// Of each option in the tables, the default as it is written there; nil where the row says it in words.
    private static func table() throws -> [String: String?] {
        var defaults: [String: String?] = [:]
        for cells in try Self.rows() {
            let options = cells[0].matches(of: #/`--([\w-]+)`/#).map { String($0.1) }
            let values = cells[1].matches(of: #/`([^`]*)`/#).map { String($0.1) }
            for (index, option) in options.enumerated() {
                // One value for all of the row, or one for each.
                defaults[option] = .some(values.count == 1 ? values[0] : values.count == options.count ? values[index] : nil)
            }
        }
        return defaults
    }

    @Test func `Every option has its row, with its default`() throws {
        let table = try Self.table()
        #expect(Set(table.keys) == Set(ConfigurationOption.allCases.map(\.rawValue)))
        for option in ConfigurationOption.allCases {
            guard let value = option.defaultValue else { continue }
            #expect(table[option.rawValue] == value, "--\(option.rawValue)")
        }
    }

    @Test func `Every option says when to change it`() throws {
        for cells in try Self.rows() { #expect(cells.count == 4 && !cells.contains(""), "\(cells[0])") }
    }
}
