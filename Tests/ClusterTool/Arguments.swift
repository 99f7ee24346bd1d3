/// A subcommand's arguments: pairs of `--name value`.
struct Arguments {
    private var values: [String: String] = [:]

    /// - Parameter words: the arguments after the subcommand.
    init(_ words: [String]) {
        var rest = words[...]
        while let name = rest.popFirst(), let value = rest.popFirst() { values[name] = value }
    }

    /// The value of `--name`; ends the program without a value and a default.
    func text(_ name: String, default fallback: String? = nil) -> String {
        guard let value = values["--\(name)"] ?? fallback else { fail("--\(name) is missing") }
        return value
    }

    /// The value of `--name` as a number.
    func number(_ name: String, default fallback: Int? = nil) -> Int {
        guard let value = Int(text(name, default: fallback.map { String($0) })) else { fail("--\(name) takes a number") }
        return value
    }

    /// The value of `--name`, `ADDRESS:PORT`.
    func endpoint(_ name: String) -> (address: String, port: UInt16) {
        let parts = text(name).split(separator: ":")
        guard parts.count == 2, let port = UInt16(parts[1]) else { fail("--\(name) takes ADDRESS:PORT") }
        return (String(parts[0]), port)
    }

    /// The value of `--name` as a time: `50ms`, `2s`.
    func duration(_ name: String, default fallback: String? = nil) -> Duration {
        let text = text(name, default: fallback)
        if text.hasSuffix("ms"), let count = Int(text.dropLast(2)), count >= 0 { return .milliseconds(count) }
        if text.hasSuffix("s"), let count = Int(text.dropLast(1)), count >= 0 { return .seconds(count) }
        fail("--\(name) takes a time, such as 50ms or 2s")
    }
}
