import Wire

/// The form of a diagnostic for a terminal: that of the Rust compiler.
///
///     unknown keyword 'blance' in section 'backend replicas'
///       --> haproxy.cfg:34:5
///        |
///     34 |     blance leastconn
///        |     ^^^^^^
///        |
///        = help: did you mean 'balance'?
extension Diagnostic {
    /// The lines below `headline`, without control characters.
    var details: [String] {
        let number = String(location.line)
        let margin = String(repeating: " ", count: number.utf8.count)
        guard let excerpt else { return ["\(margin)--> \(location)".shown] + help(margin) }
        let (source, carets) = excerpt.rendered
        return ["\(margin)--> \(location):\(excerpt.column)".shown, "\(margin) |", "\(number) | \(source)", "\(margin) | \(carets)"]
            + (problem.advice.isEmpty ? [] : ["\(margin) |"]) + help(margin)
    }

    private func help(_ margin: String) -> [String] { problem.advice.isEmpty ? [] : ["\(margin) = help: \(problem.advice)".shown] }
}
