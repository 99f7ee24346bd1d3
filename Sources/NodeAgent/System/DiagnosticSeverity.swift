/// The severity of a diagnostic, in HAProxy's words.
enum DiagnosticSeverity: String, Sendable {
    /// The agent cannot start.
    case alert = "ALERT"
    /// The agent starts, but probably not as intended.
    case warning = "WARNING"
    /// Useful information.
    case notice = "NOTICE"
}
