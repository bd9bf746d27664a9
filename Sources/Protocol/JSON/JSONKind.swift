/// The kind of a JSON value, with its name for error messages.
package enum JSONKind: String, Hashable, Sendable {
    case null
    case boolean = "a boolean"
    case number = "a number"
    case text = "a text"
    case list = "a list"
    case object = "an object"

    /// - Parameter first: the first byte of a well-formed value.
    init(first: UInt8?) {
        switch first {
        case UInt8(ascii: "{"): self = .object
        case UInt8(ascii: "["): self = .list
        case UInt8(ascii: "\""): self = .text
        case UInt8(ascii: "t"), UInt8(ascii: "f"): self = .boolean
        case UInt8(ascii: "n"): self = .null
        default: self = .number
        }
    }
}
