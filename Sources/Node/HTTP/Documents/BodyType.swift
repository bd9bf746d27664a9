/// The content types of push bodies, as declared by the request.
///
/// A page of any origin can send a body without a type or with a form's type. The types accepted here require that CORS permits
/// the origin.
enum BodyType {
    /// `application/json`, or another type with `+json`.
    case json
    /// `application/octet-stream`.
    case binary

    /// - Parameter contentType: the value of the header field. Its parameters are ignored.
    /// - Returns: nil for any other type.
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
