import Logging
import VolaryProtocol

/// The hubs with settings, of a file that can be read again or of the options.
struct EventConfiguration: Sendable {
    enum Source: Sendable {
        case file(ReloadableFile<HubTable>)
        case options(HubTable)
    }

    let source: Source
    /// Name of this server for handlers, without a port: `WebHook-Request-Origin`.
    let origin: String

    var table: HubTable {
        switch self.source {
        case .file(let file): file.content
        case .options(let table): table
        }
    }

    /// Nil without a file.
    var file: ReloadableFile<HubTable>? { if case .file(let file) = self.source { file } else { nil } }
}
