import Proxy

/// `option external-check`: it needs a program, and the permission of the `global` section.
extension ConfigurationChecks {
    /// Assigns the programs to the backends, and reports missing and unused lines.
    mutating func assignExternalPrograms() {
        for (index, proxy) in servingProxies.enumerated() where !proxy.backend.isDisabled {
            let draft = proxy.externalCheck
            guard let option = draft.option else {
                warnOfUnused(draft.command, "external-check command", in: proxy.title)
                warnOfUnused(draft.path, "external-check path", in: proxy.title)
                continue
            }
            guard proxy.backend.check == .external, isReadable else { continue }
            if configuration.global.externalChecks == .refused {
                let advice = "programs run only where this is allowed: write 'external-check' in section 'global'"
                report(.alert, .custom("'option external-check' without permission", advice: advice), at: option, in: proxy.title)
            }
            guard let command = draft.command else {
                let problem = ConfigurationProblem.missingLine(of: "external-check command", example: "external-check command /usr/local/bin/CHECK")
                report(.alert, problem, at: option, in: proxy.title)
                continue
            }
            if draft.path == nil, !command.text.hasPrefix("/") {
                let expected = "an absolute path, or add a line such as 'external-check path /usr/bin:/bin'"
                report(.alert, .badValue(command.text, of: "external-check command", expected: expected), at: command.location, in: proxy.title)
            }
            configuration.backends[index].externalProgram = ExternalProgram(
                command: command.text, path: draft.path?.text ?? "", location: command.location)
        }
    }

    private mutating func warnOfUnused(_ word: LocatedText?, _ keyword: String, in title: String) {
        guard let word else { return }
        report(.warning, .noEffect(keyword, advice: "only 'option external-check' uses it: add that line, or remove this one"), at: word.location, in: title)
    }
}
