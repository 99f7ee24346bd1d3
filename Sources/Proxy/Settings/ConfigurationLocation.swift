/// The position of a line in the configuration.
package struct ConfigurationLocation: Hashable, Sendable, CustomStringConvertible {
    /// The file's name as it was given.
    package let file: String
    /// The line, from 1.
    package let line: Int

    /// Creates the position of line `line` of `file`.
    package init(file: String, line: Int) {
        self.file = file
        self.line = line
    }

    /// "haproxy.cfg:42".
    package var description: String { "\(file):\(line)" }
}
