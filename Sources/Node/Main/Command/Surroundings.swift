import ArgumentParser
import Foundation
import VolaryNode

/// What a program of a node needs of the process that it is.
package enum Surroundings {
    /// Call first. Ends the process where it cannot run.
    package static func prepare() {
        StandardStreams.reserve()
        #if os(Linux)
        // Foundation reads the command line from /proc, and Swift's dispatch library ends the process when it cannot find its
        // threads there.
        guard access("/proc/self/cmdline", R_OK) == 0 else {
            Refusal.write("/proc is missing and is required; mount it (type proc)")
            Foundation.exit(Refusal.status.rawValue)
        }
        #endif
    }
}
