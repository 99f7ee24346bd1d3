import Wire

extension AgentConfiguration {
    /// Reads the configuration with which a subcommand finds a running node. Prints errors, but no warnings.
    static func read(_ paths: [String], environment: [String: String]) throws(StartError) -> AgentConfiguration {
        let files = try StartError.wrapping { () throws(ConfigurationFiles.LoadError) in try ConfigurationFiles.load(paths) }
        let (configuration, diagnostics) = ConfigurationReader(environment: environment, localPeer: HostName.current()).read(files: files)
        let alerts = diagnostics.filter { $0.severity == .alert }
        for alert in alerts.dropLast() { Terminal.report(.alert, alert.description) }
        if let last = alerts.last { throw StartError(last.description) }
        return configuration
    }
}
