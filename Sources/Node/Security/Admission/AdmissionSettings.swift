/// How many connections a node takes, from whom, and whose word it believes for it.
struct AdmissionSettings: Sendable {
    /// Nil: as many as the limit of open files allows, see ``FileDescriptors/connections(ofLimit:threads:)``.
    var maximumConnections: Int?
    /// Nil: any number.
    var maximumPerAddress: Int?
    var proxies = TrustedProxies()
}
