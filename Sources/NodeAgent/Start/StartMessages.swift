import Proxy

/// The messages of a start or of `-c`, for the person who reads stderr.
final class StartMessages {
    /// Whether only errors are shown: `-q`, or `quiet` once the files are read.
    var isQuiet: Bool
    /// Whether stderr is a log: one line for each message.
    private let isLog: Bool
    /// The number of warnings so far, including those that are hidden.
    private(set) var warningsCount = 0
    /// Adds the lines of the configuration files to diagnostics that do not have theirs. Set once the files are read.
    var locate: ([Diagnostic]) -> [Diagnostic] = { $0 }

    /// No message yet.
    init(isQuiet: Bool, isLog: Bool) { (self.isQuiet, self.isLog) = (isQuiet, isLog) }

    /// Reports a message that is not about a line.
    func report(_ severity: DiagnosticSeverity, _ text: String) {
        if admit(severity) { Terminal.report(severity, text) }
    }

    /// Reports messages about lines of the configuration. Returns the number of errors.
    @discardableResult
    func report(_ diagnostics: [Diagnostic]) -> Int {
        for each in locate(diagnostics) where admit(each.severity) {
            if isLog { Terminal.report(each.severity, each.description) } else { Terminal.report(each.severity, each.headline, details: each.details) }
        }
        return diagnostics.count { $0.severity == .alert }
    }

    private func admit(_ severity: DiagnosticSeverity) -> Bool {
        if severity == .warning { warningsCount += 1 }
        return severity == .alert || !isQuiet
    }
}
