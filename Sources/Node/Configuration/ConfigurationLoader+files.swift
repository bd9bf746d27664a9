import Foundation

extension ConfigurationLoader {
    func tls() throws(ConfigurationError) -> ServerTLS? {
        switch (self.value(.tlsCertificate), self.value(.tlsKey)) {
        case (nil, nil): return nil
        case (let certificate?, let key?):
            let files = TLSFiles(
                certificate: certificate,
                key: key,
                offersHTTP2: try self.http2() != .off,
                certificateOrigin: self.origin(of: .tlsCertificate),
                keyOrigin: self.origin(of: .tlsKey)
            )
            return try ServerTLS(files: files)
        case (let certificate?, nil): throw Self.alone(.tlsCertificate, certificate, needs: .tlsKey)
        case (nil, let key?): throw Self.alone(.tlsKey, key, needs: .tlsCertificate)
        }
    }

    private static func alone(
        _ option: ConfigurationOption,
        _ value: String,
        needs other: ConfigurationOption
    ) -> ConfigurationError {
        ConfigurationError(option: option.rawValue, value: value, allowed: "also needs --\(other.rawValue)")
    }

    func swaggerAssets() throws(ConfigurationError) -> SwaggerAssets? {
        guard let directory = self.value(.swaggerAssets) else { return nil }
        do throws(SwaggerAssets.Fault) {
            return try SwaggerAssets(directory: directory)
        } catch {
            throw ConfigurationError(
                option: ConfigurationOption.swaggerAssets.rawValue,
                value: directory,
                allowed: "\(error); must be a directory with \(SwaggerAssets.script) and \(SwaggerAssets.style)"
            )
        }
    }

    /// - Returns: the bytes of a text file, without a byte order mark.
    static func contents(_ option: ConfigurationOption, path: String) throws(ConfigurationError) -> Data {
        do throws(OperatorFile.ReadError) {
            return try OperatorFile.text(path)
        } catch {
            throw ConfigurationError(option: option.rawValue, value: path, allowed: error.description)
        }
    }
}
