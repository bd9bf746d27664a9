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

    /// - Returns: nil when one of the files is not there, cannot be read, is empty or too large.
    init?(directory: String) {
        guard let script = Self.read(Self.script, in: directory), let style = Self.read(Self.style, in: directory) else {
            return nil
        }
        self.script = script
        self.style = style
    }

    private static func read(_ name: String, in directory: String) -> ByteBuffer? {
        let url = URL(fileURLWithPath: directory, isDirectory: true).appendingPathComponent(name)
        guard let values = try? url.resolvingSymlinksInPath().resourceValues(forKeys: [.isRegularFileKey, .fileSizeKey]),
            values.isRegularFile == true, let size = values.fileSize, (1...Self.maximumBytes).contains(size),
            let data = try? Data(contentsOf: url)
        else { return nil }
        return ByteBuffer(bytes: data)
    }
}
