import Proxy
import Testing
import Wire

@testable import NodeAgent

private let address = SocketAddress.ip(.v4(0x7f00_0001), port: 1)

extension ServerControl {
    /// Controls the servers of a configuration, which all have the same address.
    static func reading(_ text: String) throws -> ServerControl {
        let (configuration, diagnostics) = Configuration.read(text)
        try #require(Configuration.alerts(diagnostics).isEmpty, "\(diagnostics)")
        let registry = ServerRegistry(backends: configuration.backends, now: Instant(nanoseconds: 0)) { _ in address }
        return ServerControl(registry, now: { Instant(nanoseconds: 1) }, load: { _ in ServerLoad() })
    }
}

extension Agent.Resources {
    /// The resources of an agent with this configuration. It has no log, and all servers have the same address.
    static func reading(_ text: String, listeners: [ThreadListener] = []) throws -> Agent.Resources {
        let (configuration, diagnostics) = Configuration.read(text)
        #expect(Configuration.alerts(diagnostics).isEmpty, "\(diagnostics)")
        struct NoTarget: Error {}
        let logPlan = try LogPlan(configuration) { (_) throws(NoTarget) in throw NoTarget() }
        return Agent.Resources(
            configuration: configuration, listeners: [listeners], statsSockets: [], probePorts: [],
            addresses: configuration.backends.map { $0.servers.map { _ in address } }, logPlan: logPlan,
            limits: Limits.Plan(descriptors: 1000, wanted: 16, pipesWanted: 0, needs: Limits.Needs()), node: "one",
            databases: configuration.backends.map { _ in nil })
    }
}
