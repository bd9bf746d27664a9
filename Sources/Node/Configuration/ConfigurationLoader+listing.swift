/// What was read, for people and other programs. None of it is checked; ``ConfigurationLoader/load()`` checks it.
extension ConfigurationLoader {
    /// One option as it was set.
    public struct Setting: Hashable, Sendable {
        public let option: ConfigurationOption
        /// The text that holds. Nil when there is none: the option is off, or its default depends on the machine or other options.
        /// A secret is `***`.
        public let value: String?
        /// `flag`, the name of a variable, the path of a file, or `default`.
        public let source: String
    }

    /// All options, in the order of the program's help.
    public var settings: [Setting] {
        ConfigurationOption.allCases.map { option in
            Setting(option: option, value: self.value(option).map(option.shown), source: self.source(of: option))
        }
    }

    private func source(of option: ConfigurationOption) -> String {
        switch self.given[option]?.origin {
        case nil: "default"
        case .flag: "flag"
        case .variable: option.variable
        case .file(let path), .place(let path, _, _): path
        }
    }

    /// Names of variables that begin with `VOLARY_` and set nothing, sorted, each with the known name that is most like it.
    public var unknownVariables: [(name: String, suggestion: String?)] {
        self.environment.unknown.map { ($0, EnvironmentVariables.suggestion(for: $0)) }
    }

    /// Where a program on the same machine reaches the node, such as `http://127.0.0.1:8080`.
    public var localURL: String {
        let host = self.value(.host) ?? ""
        // Addresses that mean all addresses of the machine.
        let isAny = ["", "0.0.0.0", "::"].contains(host)
        let name = isAny ? "127.0.0.1" : host.contains(":") ? "[\(host)]" : host
        return "\(self.value(.tlsCertificate) == nil ? "http" : "https")://\(name):\(self.value(.port) ?? "")"
    }
}

extension ConfigurationOption {
    /// The text of a value as people may see it: without keys and passwords.
    fileprivate func shown(_ value: String) -> String {
        switch self {
        case .apiKey, .accessKey: return "***"
        // Users and passwords are before the host, or in the parameters.
        case .redis, .eventHandler: return Self.withoutSecrets(value)
        default: return value
        }
    }

    private static func withoutSecrets(_ url: String) -> String {
        let (address, parameters) = url.firstIndex(of: "?").map { (url[..<$0], url[$0...]) } ?? (url[...], "")
        let shown = parameters.isEmpty ? "" : "?***"
        guard let at = address.lastIndex(of: "@") else { return address + shown }
        let scheme = address.firstRange(of: "://").map { address[..<$0.upperBound] } ?? ""
        return scheme + "***" + address[at...] + shown
    }
}
