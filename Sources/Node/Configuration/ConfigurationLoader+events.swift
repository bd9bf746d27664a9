import Foundation
import VolaryProtocol

extension ConfigurationLoader {
    /// - Returns: nil without `--hubs` and `--event-handler`.
    func events() throws(ConfigurationError) -> EventConfiguration? {
        guard let source = try self.hubs() else { return nil }
        guard self.value(.accessKey) != nil || self.value(.accessKeys) != nil else {
            let option = self.value(.hubs) == nil ? ConfigurationOption.eventHandler : .hubs
            throw Self.fault(option, self.value(option), "needs --access-key or --access-keys, which sign the events")
        }
        return EventConfiguration(source: source, origin: try self.eventOrigin())
    }

    private func hubs() throws(ConfigurationError) -> EventConfiguration.Source? {
        let url = try self.optional(.eventHandler, allowed: Self.phrase(EventURL.rule)) { EventURL($0) }
        let hub = try self.text(.eventHub, allowed: "the name of a hub, which \(HubName.rule)") { HubName($0) }
        let userEvents = try self.text(.userEvents, allowed: UserEventPattern.rule) { UserEventPattern($0) }
        let systemEvents = try self.text(.systemEvents, allowed: "none, or a list such as connect,connected,disconnected") {
            Self.systemEvents($0)
        }
        if let path = self.value(.hubs) {
            guard url == nil else {
                throw Self.fault(
                    .eventHandler,
                    self.value(.eventHandler),
                    "cannot be combined with --hubs"
                )
            }
            return .file(try self.file(path))
        }
        guard let url else {
            for option in [ConfigurationOption.eventHub, .userEvents, .systemEvents]
            where self.value(option) != option.defaultValue {
                throw Self.fault(option, self.value(option), "needs --event-handler")
            }
            return nil
        }
        let handler = EventHandler(url: url, userEvents: userEvents, systemEvents: systemEvents)
        return .options(HubTable(hubs: [hub: HubSettings(handlers: [handler])]))
    }

    private func file(_ path: String) throws(ConfigurationError) -> ReloadableFile<HubTable> {
        try ReloadableFile(.hubs, path: path, rule: HubTable.fileRule) { data in
            try? HubTable(parsing: data)
        } problem: { data in
            do throws(HubTable.Fault) {
                _ = try HubTable(parsing: data)
                return nil
            } catch {
                return error.text
            }
        }
    }

    private static func phrase(_ rule: String) -> String { String(rule.dropFirst("must be ".count)) }

    private static func systemEvents(_ text: String) -> Set<SystemEvent>? {
        if text == "none" { return [] }
        let names = text.split(separator: ",", omittingEmptySubsequences: false)
        let events = names.compactMap { SystemEvent(rawValue: String($0)) }
        return events.count == names.count ? Set(events) : nil
    }

    /// The first name of `--public-hosts`, or else `localhost` on a loopback address and the name of the machine on others.
    private func eventOrigin() throws(ConfigurationError) -> String {
        if let host = self.value(.publicHosts)?.split(separator: ",").first {
            let name = host.drop { $0 == " " }
            return String(name.hasPrefix("[") ? name.prefix { $0 != "]" } + "]" : name.prefix { $0 != ":" })
        }
        if let host = self.value(.host), !AccessConfiguration.isLoopback(host) { return NodeName.hostName }
        return "localhost"
    }

    private static func fault(_ option: ConfigurationOption, _ value: String?, _ allowed: String) -> ConfigurationError {
        ConfigurationError(option: option.rawValue, value: value, allowed: allowed)
    }
}
