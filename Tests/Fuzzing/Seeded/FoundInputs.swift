/// Inputs that broke something, each with what it was.
enum FoundInputs {
    static let all: [(FuzzTarget, [[UInt8]])] = []
}
