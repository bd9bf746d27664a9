import Logging

/// The `VOLARY_…` variables of a process: options, what Kubernetes sets for a Service whose name begins with "volary", and
/// others.
struct EnvironmentVariables {
    private static let prefix = "VOLARY_"
    private static let fileVariable = "VOLARY_CONFIG"
    /// Log lines about unknown variables; further ones are only counted.
    private static let maximumWarnings = 20

    /// Without empty values: compose files set empty variables, which count as absent.
    let values: [ConfigurationOption: String]
    /// Path of the configuration file.
    let file: String?
    /// Sorted names that belong neither to an option nor to Kubernetes. Their values may be secrets and are not kept.
    let unknown: [String]
    /// Whether `VOLARY_PORT` is the address of a Kubernetes Service called volary, not a port.
    let isPortOfService: Bool

    init(_ environment: [String: String]) {
        let options = Dictionary(uniqueKeysWithValues: ConfigurationOption.allCases.map { ($0.variable, $0) })
        var values: [ConfigurationOption: String] = [:]
        var unknown: [String] = []
        var isPortOfService = false
        for (name, value) in environment where name.hasPrefix(Self.prefix) && !value.isEmpty && name != Self.fileVariable {
            switch options[name] {
            case .port? where Self.isServiceAddress(value): isPortOfService = true
            case let option?: values[option] = value
            case nil: if !Self.isOfService(name, value) { unknown.append(name) }
            }
        }
        self.values = values
        self.file = environment[Self.fileVariable].flatMap { $0.isEmpty ? nil : $0 }
        self.unknown = unknown.sorted()
        self.isPortOfService = isPortOfService
    }

    /// Logs which variables were ignored, without their values.
    func logIgnored(to logger: Logger) {
        if self.isPortOfService {
            logger.info("VOLARY_PORT ignored: it is the address of a Kubernetes Service, not a port")
        }
        for name in self.unknown.prefix(Self.maximumWarnings) {
            var metadata: Logger.Metadata = [LogKey.variable: "\(name)"]
            if let suggestion = Self.suggestion(for: name) { metadata[LogKey.suggestion] = "\(suggestion)" }
            logger.warning("Unknown environment variable ignored", metadata: metadata)
        }
        if self.unknown.count > Self.maximumWarnings {
            let rest = self.unknown.count - Self.maximumWarnings
            logger.warning("More unknown environment variables ignored", metadata: [LogKey.count: "\(rest)"])
        }
    }

    /// The known variable with the most similar name.
    static func suggestion(for name: String) -> String? {
        ConfigurationOption.suggestion(for: String(name.dropFirst(self.prefix.count)), or: ["config"])
            .map(ConfigurationOption.variable(named:))
    }

    // MARK: - Kubernetes

    /// Whether a variable is one that a Service called `volary`, or `volary-…`, adds to the environment of each pod of its
    /// namespace (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
    private static func isOfService(_ name: String, _ value: String) -> Bool {
        name.hasSuffix("_SERVICE_HOST") || name.hasSuffix("_SERVICE_PORT") || name.contains("_SERVICE_PORT_")
            || (name.hasSuffix("_PORT") && self.isServiceAddress(value))
            || name.contains(/_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/)
    }

    /// Such as `tcp://10.96.12.34:8080`.
    private static func isServiceAddress(_ value: String) -> Bool {
        ["tcp://", "udp://", "sctp://"].contains { value.hasPrefix($0) }
    }
}
