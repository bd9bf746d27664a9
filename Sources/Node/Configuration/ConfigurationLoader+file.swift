import Foundation

extension ConfigurationLoader {
    /// - Returns: what the file says of the options that it names.
    static func values(inFile path: String) throws(ConfigurationError) -> [ConfigurationOption: String] {
        func wrong(_ allowed: String, value: String? = path) -> ConfigurationError {
            ConfigurationError(option: "config", value: value, allowed: allowed)
        }
        guard let data = FileManager.default.contents(atPath: path) else { throw wrong("must be a file that can be read") }
        guard let object = try? JSONDecoder().decode([String: FileValue].self, from: data) else {
            throw wrong("must be a JSON object of texts and whole numbers, such as {\"port\": 8081, \"lease\": \"5s\"}")
        }
        var values: [ConfigurationOption: String] = [:]
        for (name, value) in object {
            guard let option = ConfigurationOption(rawValue: name) else { throw wrong("names an unknown option", value: name) }
            guard let text = value.text else { throw wrong("must give this option text or a whole number", value: name) }
            values[option] = text
        }
        return values
    }
}

/// What the file may say of an option.
private struct FileValue: Decodable {
    /// Nil for anything but text and whole numbers.
    let text: String?

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        // A number first: only JSON's own true and false are left for neither.
        self.text = (try? value.decode(Int.self)).map(String.init) ?? (try? value.decode(String.self))
    }
}
