import Foundation

/// The program for libFuzzer: VOLARY_FUZZ_TARGET is the target, VOLARY_FUZZ_CORPUS the directory that the seed inputs are added
/// to. A violated property ends the program like a crash.
private enum Fuzz {
    typealias Arguments = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

    static let target: FuzzTarget = {
        let name = ProcessInfo.processInfo.environment["VOLARY_FUZZ_TARGET"] ?? ""
        guard let target = FuzzTarget(rawValue: name) else {
            fatalError("VOLARY_FUZZ_TARGET must be one of \(FuzzTarget.allCases)")
        }
        return target
    }()

    static func writeSeeds() {
        guard let corpus = ProcessInfo.processInfo.environment["VOLARY_FUZZ_CORPUS"] else { return }
        for (index, seed) in self.target.seeds.enumerated() {
            FileManager.default.createFile(atPath: "\(corpus)/seed-\(index)", contents: Data(seed))
        }
    }
}

/// libFuzzer's function for programs with their own `main`.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<Fuzz.Arguments>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

@_cdecl("LLVMFuzzerTestOneInput") public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do {
        try Fuzz.target.check(Array(UnsafeBufferPointer(start: bytes, count: count)))
    } catch {
        fatalError("\(Fuzz.target): \(error)")
    }
    return 0
}

/// SwiftPM uses this name for the program's `main`, which libFuzzer's would hide otherwise.
@_cdecl("fuzz_main") public func fuzzMain(
    _ count: CInt,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> CInt {
    Fuzz.writeSeeds()
    var (count, arguments) = (count, arguments)
    return runDriver(&count, &arguments) { testOneInput($0, $1) }
}
