/// Inputs that once failed, each with its reason.
enum FoundInputs {
    static let all: [(FuzzTarget, [[UInt8]])] = []
}
