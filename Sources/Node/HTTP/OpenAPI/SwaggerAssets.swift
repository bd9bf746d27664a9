import Foundation
import NIOCore

/// The files of Swagger UI that its page needs, read once from the directory of an installed `swagger-ui-dist`.
///
/// No path that a client gives ever reaches the file system.
struct SwaggerAssets: Sendable {
    static let script = "swagger-ui-bundle.js"
    static let style = "swagger-ui.css"

    /// Of each file: 16 MiB. They have less than two.
    private static let maximumBytes = 16 * 1024 * 1024

    let script: ByteBuffer
    let style: ByteBuffer

    /// Which of the files is wrong, and why.
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
