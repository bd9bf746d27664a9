import Foundation
import NIOCore

/// The files of Swagger UI for its page, read once at the start from the directory of an installed `swagger-ui-dist`.
///
/// Paths from clients never reach the file system.
struct SwaggerAssets: Sendable {
    static let script = "swagger-ui-bundle.js"
    static let style = "swagger-ui.css"

    /// Maximum size of each file: 16 MiB. The real files have less than 2 MiB.
    private static let maximumBytes = 16 * 1024 * 1024

    let script: ByteBuffer
    let style: ByteBuffer

    /// The file that cannot be used, and the reason.
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    init(directory: String) throws(Fault) {
        self.script = try Self.read(Self.script, in: directory)
        self.style = try Self.read(Self.style, in: directory)
    }

    private static func read(_ name: String, in directory: String) throws(Fault) -> ByteBuffer {
        let path = URL(fileURLWithPath: directory, isDirectory: true).appendingPathComponent(name).path
        let data: Data
        do throws(OperatorFile.ReadError) {
            data = try OperatorFile.contents(path, maximumBytes: self.maximumBytes)
        } catch {
            throw Fault(description: "\(name): \(error)")
        }
        guard !data.isEmpty else { throw Fault(description: "\(name): is empty") }
        return ByteBuffer(bytes: data)
    }
}
