/// The limits on connections, and the trusted proxies.
struct AdmissionSettings: Sendable {
    /// Nil: as many as the open-file limit allows, see ``FileDescriptors/connections(ofLimit:threads:)``.
    var maximumConnections: Int?
    /// Nil: any number.
    var maximumPerAddress: Int?
    var proxies = TrustedProxies()
}
