import VolaryProtocol

/// A publication, and its place in the order of its hub; nil where it has none.
struct PlacedPublication: Sendable {
    let publication: Publication
    let position: Position?

    init(_ publication: Publication, at position: Position? = nil) {
        self.publication = publication
        self.position = position
    }
}
