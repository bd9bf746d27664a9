/// What a request's body says that it is, of what pushes may be.
///
/// Pages of any origin may send bodies of no type, and of a form's; of these types only those that CORS lets in.
enum BodyType {
    /// `application/json`, or another type with `+json`.
    case json
    /// `application/octet-stream`.
    case binary

    /// - Parameter contentType: the value of the header field; its parameters do not matter.
    /// - Returns: nil for every other type.
    init?(_ contentType: String) {
        let type = Substring(contentType.utf8.prefix { $0 != UInt8(ascii: ";") }).trimmingOWS
        if type.isSame("application/json") || (type.begins("application/") && type.ends("+json")) {
            self = .json
        } else if type.isSame("application/octet-stream") {
            self = .binary
        } else {
            return nil
        }
    }
}
