import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// Publications that are delivered together. The first event loop that needs an encoding encodes them.
///
/// Event loops do not wait for each other. Loops that ask during the first encoding encode as well, and all use the first
/// result.
final class EncodedBatch: Sendable {
    private let publications: [Publication]
    private let forms = NIOLockedValueBox<[(encoding: ClientEncoding, form: EncodedForm)]>([])

    /// - Parameter publications: at least one, all with the same audience.
    init(_ publications: [Publication]) {
        self.publications = publications
    }

    /// The number of encodings that have been made.
    var count: Int { self.forms.withLockedValue { $0.count } }

    /// - Parameter deflater: the deflater of the calling event loop, for encodings that compress.
    func form(_ encoding: ClientEncoding, deflater: @autoclosure () -> Deflater) -> EncodedForm {
        if let form = self.forms.withLockedValue({ Self.find(encoding, in: $0) }) { return form }
        let made = EncodedForm(self.publications, encoding: encoding, deflater: encoding.isDeflated ? deflater() : nil)
        return self.forms.withLockedValue { forms in
            if let first = Self.find(encoding, in: forms) { return first }
            forms.append((encoding, made))
            return made
        }
    }

    /// A node has few encodings, so a linear search is faster than hashing.
    private static func find(
        _ encoding: ClientEncoding,
        in forms: [(encoding: ClientEncoding, form: EncodedForm)]
    ) -> EncodedForm? {
        forms.first { $0.encoding === encoding }?.form
    }
}

extension Publication {
    /// Approximate size of the encoded message: the payload and 128 bytes. Text with many escaped characters takes more.
    var messageBytes: Int { self.payload.readableBytes + 128 }
}
