import Foundation

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
        if contentType == "application/json" {
            self = .json
            return
        }
        let type = contentType.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
        if type == "application/json" || (type.hasPrefix("application/") && type.hasSuffix("+json")) {
            self = .json
        } else if type == "application/octet-stream" {
            self = .binary
        } else {
            return nil
        }
    }
}
