/// How bad a diagnostic is, HAProxy's words.
enum DiagnosticSeverity: String, Sendable {
    /// The agent cannot start.
    case alert = "ALERT"
    /// It starts, but probably not as meant.
    case warning = "WARNING"
    /// Worth knowing.
    case notice = "NOTICE"
}
