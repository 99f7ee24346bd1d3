import Proxy

/// Rules about checks that need a whole section: the scripts of `option tcp-check` and `option httpchk`, and the ports of servers.
extension ConfigurationChecks {
    /// Completes the check of a backend from the rules of its section.
    mutating func completeCheck(of backend: inout Backend, _ proxy: ProxyDraft) {
        let rules = proxy.checkRules
        switch backend.check.family {
        case .tcp: backend.check = .script(rules.tcpScript)
        case .http:
            do throws(CheckRuleError) {
                backend.check = .script(try rules.httpScript())
                if isReadable, rules.hasNoRequest { warnAboutMissingRequest(proxy) }
            } catch {
                report(.alert, error.problem, at: error.location, in: proxy.title)
            }
        case .other, nil: break
        }
        for (family, option, set) in [("tcp-check", "tcp-check", rules.tcp), ("http-check", "httpchk", rules.http)] {
            guard !set.isUsed, !set.isInherited, let rule = set.rules.first else { continue }
            report(.warning, .noEffect(family, advice: "add 'option \(option)'"), at: rule.location, in: proxy.title)
        }
        requirePorts(backend, proxy)
    }

    private mutating func warnAboutMissingRequest(_ proxy: ProxyDraft) {
        guard let rule = proxy.checkRules.http.rules.first else { return }
        let problem = ConfigurationProblem.custom(
            "checks without a request",
            advice: "this line replaces all of 'option httpchk' and 'http-check' in 'defaults', as in HAProxy: repeat 'option httpchk' here")
        report(.warning, problem, at: rule.location, in: proxy.title)
    }

    /// Reports servers whose checks have no port: a check has no client whose port it could use.
    private mutating func requirePorts(_ backend: Backend, _ proxy: ProxyDraft) {
        if case .script(let script) = backend.check, script.hasOwnPorts { return }
        var reported: ConfigurationLocation?
        for server in backend.servers {
            guard let check = server.check, check.fixedPort == nil, case .client = server.port, server.location != reported else { continue }
            if case .unix = server.endpoint { continue }
            reported = server.location
            let example = "check port 3306', or a port after the address: 'db1.internal:3306"
            report(.alert, .missingLine(of: "port", example: example), at: server.location, in: proxy.title)
        }
    }
}
