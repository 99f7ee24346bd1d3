/// The program that checks the servers of a proxy: `option external-check`.
package struct ExternalProgram: Equatable, Sendable {
    /// `external-check command`: an absolute path, or a name to look up in `path`.
    package var command: String
    /// `external-check path`: the program's PATH; empty without the line.
    package var path: String
    /// The position of the command's line.
    package var location: ConfigurationLocation

    /// Creates a program from its parts.
    package init(command: String, path: String, location: ConfigurationLocation) {
        (self.command, self.path, self.location) = (command, path, location)
    }

    /// The files that the command may refer to, in the order of the search.
    package var candidates: [String] {
        if command.contains("/") { return [command] }
        return path.split(separator: ":", omittingEmptySubsequences: false).map { $0.isEmpty ? command : "\($0)/\(command)" }
    }
}
