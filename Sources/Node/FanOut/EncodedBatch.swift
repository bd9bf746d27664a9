import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// Publications that are delivered together, encoded once for each encoding that a connection uses, by the first event loop that
/// needs it.
///
/// No event loop waits for another: loops that ask while the first is at it encode them too, and all use what was ready first.
final class EncodedBatch: Sendable {
    private let publications: [Publication]
    private let forms = NIOLockedValueBox<[(encoding: ClientEncoding, form: EncodedForm)]>([])

    /// - Parameter publications: at least one, all for one audience.
    init(_ publications: [Publication]) {
        self.publications = publications
    }

    /// How many encodings have been made.
    var count: Int { self.forms.withLockedValue { $0.count } }

    /// - Parameter deflater: of the event loop that asks; used by encodings that compress.
    func form(_ encoding: ClientEncoding, deflater: @autoclosure () -> Deflater) -> EncodedForm {
        if let form = self.forms.withLockedValue({ Self.find(encoding, in: $0) }) { return form }
        let made = EncodedForm(self.publications, encoding: encoding, deflater: encoding.isDeflated ? deflater() : nil)
        return self.forms.withLockedValue { forms in
            if let first = Self.find(encoding, in: forms) { return first }
            forms.append((encoding, made))
            return made
        }
    }

    /// A node has a handful of encodings: a walk is shorter than a hash.
    private static func find(
        _ encoding: ClientEncoding,
        in forms: [(encoding: ClientEncoding, form: EncodedForm)]
    ) -> EncodedForm? {
        forms.first { $0.encoding === encoding }?.form
    }
}

extension Publication {
    /// About what it takes as one message, unless much of its text has to be escaped: the payload and 128 bytes around it.
    var messageBytes: Int { self.payload.readableBytes + 128 }
}
