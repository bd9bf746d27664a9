import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// Publications that are delivered together. The first event loop that needs an encoding encodes them.
///
/// Event loops do not wait for each other. Loops that ask during the first encoding encode as well, and all use the first
/// result.
struct EncodedBatch: Sendable {
    private let publications: [PlacedPublication]
    private let forms = NIOLockedValueBox(Forms())

    /// - Parameter publications: at least one, all with the same hub and audience.
    init(_ publications: [PlacedPublication]) {
        self.publications = publications
    }

    /// The number of encodings that have been made.
    var count: Int { self.forms.withLockedValue { $0.count } }

    /// Most batches have one encoding, so the first form is not in an array.
    private struct Forms {
        private var first: (encoding: ClientEncoding, form: EncodedForm)?
        private var others: [(encoding: ClientEncoding, form: EncodedForm)] = []

        var count: Int { (self.first == nil ? 0 : 1) + self.others.count }

        /// A node has few encodings, so a linear search is faster than hashing.
        func form(_ encoding: ClientEncoding) -> EncodedForm? {
            if let first, first.encoding === encoding { return first.form }
            return self.others.first { $0.encoding === encoding }?.form
        }

        mutating func append(_ form: EncodedForm, encoding: ClientEncoding) {
            if self.first == nil { self.first = (encoding, form) } else { self.others.append((encoding, form)) }
        }
    }

    /// - Parameter deflater: the deflater of the calling event loop, for encodings that compress.
    func form(_ encoding: ClientEncoding, deflater: @autoclosure () -> Deflater) -> EncodedForm {
        if let form = self.forms.withLockedValue({ $0.form(encoding) }) { return form }
        let made = EncodedForm(self.publications, encoding: encoding, deflater: encoding.isDeflated ? deflater() : nil)
        return self.forms.withLockedValue { forms in
            if let first = forms.form(encoding) { return first }
            forms.append(made, encoding: encoding)
            return made
        }
    }
}

extension Publication {
    /// Approximate size of the encoded message: the payload and 128 bytes. Text with many escaped characters takes more.
    var messageBytes: Int { self.payload.readableBytes + 128 }
}
