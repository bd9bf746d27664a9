import Foundation

/// A library in C that a process loads before all others, so that its functions replace those of the system.
struct PreloadedLibrary: Sendable {
    /// The library's own directory, for its files. Removed with the library.
    let directory: URL

    /// Compiles the library with the C compiler that Swift also links with.
    init(_ source: String) throws {
        self.directory = FileManager.default.temporaryDirectory.appendingPathComponent("volary-library-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.directory, withIntermediateDirectories: true)
        let file = self.directory.appendingPathComponent("library.c")
        try Data(source.utf8).write(to: file)
        let compiler = Process()
        compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        compiler.arguments = ["cc", "-shared", "-fPIC", "-O2", "-o", self.path, file.path, "-ldl", "-lpthread"]
        try compiler.run()
        compiler.waitUntilExit()
        guard compiler.terminationStatus == 0 else { throw VolaryProcess.Failure(description: "the library does not compile") }
    }

    /// The environment of the process that loads the library.
    var environment: [String: String] { ["LD_PRELOAD": self.path] }

    func remove() { try? FileManager.default.removeItem(at: self.directory) }

    private var path: String { self.directory.appendingPathComponent("library.so").path }
}
