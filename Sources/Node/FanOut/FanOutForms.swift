import VolaryProtocol

/// The encoded forms of one fan-out on one event loop. Batches are joined once per encoding.
struct FanOutForms {
    private let fanOut: FanOut
    private let usual: (encoding: ClientEncoding, form: EncodedForm)
    private var others: [(encoding: ClientEncoding, form: EncodedForm)] = []
    /// Publications that an encoding omits, and the connections that accepted the others. Empty in most cases.
    private var incomplete: [(encoding: ClientEncoding, omitted: [PublicationID], connections: UInt32)] = []

    init(_ fanOut: FanOut, usual: ClientEncoding, form: EncodedForm) {
        self.fanOut = fanOut
        self.usual = (usual, form)
    }

    mutating func form(_ encoding: ClientEncoding, deflater: @autoclosure () -> Deflater) -> EncodedForm {
        if encoding === self.usual.encoding { return self.usual.form }
        if let known = self.others.first(where: { $0.encoding === encoding }) { return known.form }
        let form = self.fanOut.form(encoding, deflater: deflater())
        self.others.append((encoding, form))
        return form
    }

    /// Counts a connection that accepted a form without some of the publications.
    mutating func omitted(_ publications: [PublicationID], by encoding: ClientEncoding) {
        if let index = self.incomplete.firstIndex(where: { $0.encoding === encoding }) {
            self.incomplete[index].connections += 1
        } else {
            self.incomplete.append((encoding, publications, 1))
        }
    }

    /// See ``FanOutReach/omissions``.
    var omissions: [PublicationID: UInt32] {
        var omissions: [PublicationID: UInt32] = [:]
        for (_, omitted, connections) in self.incomplete {
            for id in omitted { omissions[id, default: 0] += connections }
        }
        return omissions
    }
}
