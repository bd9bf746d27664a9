import Crypto
import Foundation
import NIOCore

/// The console: one HTML document, made from the files of this folder, with inline style and script.
///
/// The browser runs nothing else: the policy names the SHA-256 of style and script, and forbids all other loading, framing and
/// submitting.
struct ConsolePage: Sendable {
    let html: ByteBuffer
    /// The value of `Content-Security-Policy` (CSP level 3; there, `'self'` covers WebSockets to the page's own host).
    let policy: String

    /// - Parameters:
    ///   - html: contains one empty `<style></style>` and one empty `<script></script>`.
    ///   - scripts: concatenated in this order, so they share one scope.
    init(html: String, style: String, scripts: [String]) {
        let script = scripts.joined(separator: "\n")
        self.html = ByteBuffer(
            string:
                html
                .replacing("<style></style>", with: "<style>\(style)</style>", maxReplacements: 1)
                .replacing("<script></script>", with: "<script>\(script)</script>", maxReplacements: 1)
        )
        self.policy = [
            "default-src 'none'",
            "script-src \(Self.source(of: script))",
            "style-src \(Self.source(of: style))",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            // The script cannot turn text into markup.
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ].joined(separator: "; ")
    }

    /// The page built into the program.
    init() {
        self.init(
            html: Self.text(PackageResources.console_html),
            style: [PackageResources.base_css, PackageResources.flow_css, PackageResources.parts_css].map(Self.text).joined(
                separator: "\n"
            ),
            scripts: [
                PackageResources.page_js, PackageResources.access_js, PackageResources.api_js, PackageResources.flow_js,
                PackageResources.nodes_js,
                PackageResources.connections_js, PackageResources.log_js, PackageResources.client_js, PackageResources.forms_js,
            ].map(Self.text)
        )
    }

    private static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    private static func source(of text: String) -> String {
        "'sha256-\(Data(SHA256.hash(data: Data(text.utf8))).base64EncodedString())'"
    }
}
