import Foundation
import Testing

/// A reader of Prometheus' text format that takes nothing but what a node should write: each family in one piece, with HELP and TYPE
/// before its samples.
struct Exposition {
    struct Family {
        let name: String
        let help: String
        let type: String
        var samples: [(name: String, labels: [String: String], value: Double)] = []
    }

    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    private(set) var families: [Family] = []

    init(_ text: String) throws {
        guard text.hasSuffix("\n") else { throw Fault(description: "no line end at the end") }
        var help: (name: String, text: String)?
        for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false) {
            if let found = line.wholeMatch(of: /# HELP ([a-z_]+) (.+)/) {
                help = (String(found.1), String(found.2))
            } else if let found = line.wholeMatch(of: /# TYPE ([a-z_]+) (counter|gauge|histogram|summary)/) {
                guard let (name, text) = help, name == found.1 else { throw Fault(description: "no HELP before \(line)") }
                guard !self.families.contains(where: { $0.name == name }) else { throw Fault(description: "twice: \(name)") }
                self.families.append(Family(name: name, help: text, type: String(found.2)))
                help = nil
            } else {
                try self.sample(line)
            }
        }
        guard self.families.allSatisfy({ $0.type != "counter" || $0.name.hasSuffix("_total") }) else {
            throw Fault(description: "a counter's name ends in _total")
        }
    }

    private mutating func sample(_ line: Substring) throws {
        guard let found = line.wholeMatch(of: /([a-z_]+)(?:\{(.*)\})? (-?[0-9.e+-]+)/), let value = Double(found.3),
            var family = self.families.popLast()
        else { throw Fault(description: "no sample: \(line)") }
        let name = String(found.1)
        let suffixes =
            switch family.type {
            case "histogram": ["_bucket", "_count", "_sum"]
            case "summary": ["_count", "_sum"]
            default: [""]
            }
        guard suffixes.contains(where: { name == family.name + $0 }) else { throw Fault(description: "astray: \(line)") }
        var labels: [String: String] = [:]
        if let text = found.2 {
            var rest = text
            while let pair = rest.prefixMatch(of: /([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)",?/) {
                guard labels.updateValue(String(pair.2), forKey: String(pair.1)) == nil else {
                    throw Fault(description: "a label twice: \(line)")
                }
                rest = rest[pair.range.upperBound...]
            }
            guard rest.isEmpty, !labels.isEmpty else { throw Fault(description: "no labels: \(line)") }
        }
        guard !family.samples.contains(where: { $0.name == name && $0.labels == labels }) else {
            throw Fault(description: "a series twice: \(line)")
        }
        family.samples.append((name, labels, value))
        self.families.append(family)
    }

    /// - Returns: nil for a series that is not there.
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        self.families.lazy.flatMap(\.samples).first { $0.name == name && $0.labels == labels }?.value
    }
}
