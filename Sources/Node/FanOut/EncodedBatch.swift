import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// Publications that are delivered together, encoded once for each encoding that a connection uses, by the first event loop that
/// needs it.
///
/// No event loop waits for another: loops that ask while the first is at it encode them too, and all use what was ready first.
final class EncodedBatch: Sendable {
    private let publications: [Publication]
    private let forms = NIOLockedValueBox(Forms())

    /// - Parameter publications: at least one, all for one audience.
    init(_ publications: [Publication]) {
        self.publications = publications
    }

    /// How many encodings have been made.
    var count: Int { self.forms.withLockedValue { $0.count } }

    /// Most batches are encoded once: the first form needs no array.
    private struct Forms {
        private var first: (encoding: ClientEncoding, form: EncodedForm)?
        private var others: [(encoding: ClientEncoding, form: EncodedForm)] = []

        var count: Int { (self.first == nil ? 0 : 1) + self.others.count }

        /// A node has a handful of encodings: a walk is shorter than a hash.
        func form(_ encoding: ClientEncoding) -> EncodedForm? {
            if let first, first.encoding === encoding { return first.form }
            return self.others.first { $0.encoding === encoding }?.form
        }

        mutating func append(_ form: EncodedForm, encoding: ClientEncoding) {
            if self.first == nil { self.first = (encoding, form) } else { self.others.append((encoding, form)) }
        }
    }

    /// - Parameter deflater: of the event loop that asks; used by encodings that compress.
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
    /// About what it takes as one message, unless much of its text has to be escaped: the payload and 128 bytes around it.
    var messageBytes: Int { self.payload.readableBytes + 128 }
}
