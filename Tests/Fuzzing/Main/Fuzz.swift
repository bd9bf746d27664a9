import Foundation

/// The program for libFuzzer, which has its `main`: VOLARY_FUZZ_TARGET says what is fuzzed. A property that does not hold ends it as a
/// crash does.
private let target: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["VOLARY_FUZZ_TARGET"] ?? ""
    guard let target = FuzzTarget(rawValue: name) else { fatalError("VOLARY_FUZZ_TARGET is none of \(FuzzTarget.allCases)") }
    return target
}()

@_cdecl("LLVMFuzzerInitialize") public func initializeFuzzer(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>
) -> CInt {
    // What it has found so far is kept in the directory that it is given; the seeds are added to it.
    guard let corpus = ProcessInfo.processInfo.environment["VOLARY_FUZZ_CORPUS"] else { return 0 }
    for (index, seed) in target.seeds.enumerated() {
        FileManager.default.createFile(atPath: "\(corpus)/seed-\(index)", contents: Data(seed))
    }
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput") public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do {
        try target.check(Array(UnsafeBufferPointer(start: bytes, count: count)))
    } catch {
        fatalError("\(target): \(error)")
    }
    return 0
}
