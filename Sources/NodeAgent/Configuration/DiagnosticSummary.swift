import Proxy

/// The diagnostics that are shown, from all that the reader has found: one error for each section that cannot run here, and no more than a limit.
enum DiagnosticSummary {
    static let shownMax = 200

    /// Combines the errors of each section that needs HAProxy into the first of them.
    static func combining(_ diagnostics: [Diagnostic], extent: (String) -> String) -> [Diagnostic] {
        // A section that only has replaceable keywords keeps an error with advice for each of them.
        let refusals = Dictionary(grouping: diagnostics, by: sectionRefused).filter { $1.count > 1 && $1.contains(where: \.problem.keepsHAProxy) }
        var combined: Set<String> = []
        return diagnostics.compactMap { diagnostic in
            guard let section = sectionRefused(by: diagnostic), let errors = refusals[section] else { return diagnostic }
            guard combined.insert(section).inserted else { return nil }
            var first = diagnostic
            first.problem = .refusedSection(section, keywords(of: errors), extent: extent(section))
            return first
        }
    }

    /// The section that cannot run because of the error `diagnostic` about a keyword; `nil` for other diagnostics.
    private static func sectionRefused(by diagnostic: Diagnostic) -> String? {
        diagnostic.severity == .alert && diagnostic.problem.refusedKeyword != nil ? diagnostic.section : nil
    }

    /// The keywords with their lines, in the order of their first lines.
    private static func keywords(of diagnostics: [Diagnostic]) -> [RefusedKeyword] {
        var keywords: [RefusedKeyword] = []
        var places: [String: Int] = [:]
        for diagnostic in diagnostics {
            guard let name = diagnostic.problem.refusedKeyword else { continue }
            if let place = places[name] {
                keywords[place].locations.append(diagnostic.location)
            } else {
                places[name] = keywords.count
                keywords.append(RefusedKeyword(name: name, locations: [diagnostic.location]))
            }
        }
        return keywords
    }

    /// The first `shownMax` diagnostics; the last one reports that there are more.
    static func limiting(_ diagnostics: [Diagnostic]) -> [Diagnostic] {
        guard diagnostics.count >= shownMax else { return diagnostics }
        let problem = ConfigurationProblem.custom("more than \(shownMax - 1) problems", advice: "correct these first: the others are not shown")
        let next = diagnostics[shownMax - 1]
        return diagnostics.prefix(shownMax - 1) + [Diagnostic(severity: .alert, location: next.location, section: next.section, problem: problem)]
    }
}
