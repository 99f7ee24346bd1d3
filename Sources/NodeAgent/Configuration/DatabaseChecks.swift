import Proxy

/// `database` sections: each belongs to a proxy, whose servers it queries.
extension ConfigurationChecks {
    /// Assigns the sections to their backends.
    mutating func assignDatabases() {
        for section in databases {
            let draft = section.draft
            let name = "database \(draft.proxy.name)"
            // A section whose name could not be read has its own error.
            guard !draft.proxy.name.isEmpty, let index = backendIndex(of: draft.proxy, in: name) else { continue }
            if isReadable {
                for (location, problem) in section.problems { report(.alert, problem, at: location, in: name) }
                for (location, problem) in section.ineffectiveLagLines { report(.warning, problem, at: location, in: name) }
                checkServers(of: configuration.backends[index], for: section, in: name)
            }
            assign(draft.settings, to: &configuration.backends[index])
        }
    }

    private func assign(_ settings: DatabaseSettings, to backend: inout Backend) {
        backend.database = settings
        for place in backend.servers.indices { backend.servers[place].check?.interval = settings.interval }
    }

    private mutating func checkServers(of backend: Backend, for section: DatabaseSection, in name: String) {
        let draft = section.draft
        if backend.servers.isEmpty {
            let advice = "'\(backend.name)' has no servers: add them, or remove the section"
            report(.warning, .noEffect("database", advice: advice), at: draft.proxy.location, in: name)
        }
        if let server = backend.servers.first(where: { $0.check == nil }) {
            let problem = ConfigurationProblem.custom(
                "server '\(server.name)' without 'check'", advice: "it would never be checked: add 'check' to its line")
            report(.alert, problem, at: server.location, in: name)
        }
        if let location = section.uses["min-up"], draft.settings.minUp > backend.servers.count {
            let expected = "a number from 0 to \(backend.servers.count), the servers of '\(backend.name)'"
            report(.alert, .badValue(String(draft.settings.minUp), of: "min-up", expected: expected), at: location, in: name)
        }
    }
}
