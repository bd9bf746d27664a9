/// The metadata keys of this module's logs.
enum LogKey {
    static let address = "volary.address"
    static let connections = "volary.connections"
    static let count = "volary.count"
    static let error = "volary.error"
    static let node = "volary.node"
    static let option = "volary.option"
    static let publications = "volary.publications"
    static let signal = "volary.signal"
    static let silence = "volary.silence"
    static let suggestion = "volary.suggestion"
    static let variable = "volary.variable"
}
