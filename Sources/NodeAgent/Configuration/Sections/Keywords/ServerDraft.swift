import Proxy
import Wire

/// A server line being parsed, or the options of `default-server` lines.
struct ServerDraft: Sendable {
    var server: Server
    /// The check settings, which `isChecked` puts into effect.
    var check = CheckSettings()
    /// The `resolvers` reference, from this line or from its `default-server`.
    var resolvers: NameReference?
    /// The values of `error-limit` and `on-error`, regardless of `observe`.
    var observation = ConnectObservation()
    /// `observe layer4`.
    var isObserved = false
    /// `minconn`.
    var connectionsMin = 0
    /// `check` or `no-check`.
    var isChecked = false
    /// The agent's settings, which `isAgentChecked` puts into effect.
    var agent = AgentCheckSettings()
    /// `agent-addr`: an address or a name; `nil` for that of `addr`.
    var agentAddress: Endpoint?
    /// `agent-check` or `no-agent-check`.
    var isAgentChecked = false
    /// `track`.
    var tracked: TrackReference?
    var proxyHeader = ProxyHeaderDraft()

    /// A server without `default-server`.
    init(location: ConfigurationLocation) {
        server = Server(name: "", identifier: 0, endpoint: .name("", port: 0), port: .client(offset: 0), location: location)
    }

    /// The server in the form of the configuration model.
    var finished: Server {
        var server = server
        server.proxyHeader = proxyHeader.form
        // As in HAProxy, a `minconn` that is not below `maxconn` is the limit.
        server.connectionsMax = max(server.connectionsMax, connectionsMin)
        server.connectionsMin = connectionsMin < server.connectionsMax ? connectionsMin : 0
        server.check = isChecked ? check : nil
        server.agent = isAgentChecked ? finishedAgent : nil
        server.observation = isChecked && isObserved ? observation : nil
        server.check?.proxyHeader = proxyHeader.checkForm(isElsewhere: check.port != nil || check.isAtOtherHost)
        server.check?.forcedProxyHeader = (proxyHeader.form ?? .text).withoutClient
        return server
    }

    /// The agent's settings. As in HAProxy, `addr` and `port` also apply to an agent without its own.
    private var finishedAgent: AgentCheckSettings {
        var agent = agent
        agent.check.port = agent.check.port ?? check.port
        if let agentAddress {
            agent.check.setHost(agentAddress)
        } else {
            (agent.check.address, agent.check.addressName) = (check.address, check.addressName)
        }
        return agent
    }
}

extension CheckSettings {
    /// Sets the address to check to that of `endpoint`, or to its name.
    mutating func setHost(_ endpoint: Endpoint) {
        switch endpoint {
        case .ip(let ip, _): (address, addressName) = (ip, nil)
        case .name(let name, _): (address, addressName) = (nil, name)
        case .unix, .inherited: (address, addressName) = (nil, nil)
        }
    }
}

/// The options of `send-proxy` and related keywords.
struct ProxyHeaderDraft: Equatable, Sendable {
    /// `send-proxy`.
    var isText = false
    /// `send-proxy-v2`, which takes precedence.
    var isBinary = false
    /// `proxy-v2-options`.
    var options: ProxyHeaderOptions = []
    /// `check-send-proxy`.
    var isForAllChecks = false

    var form: ProxyHeaderForm? { isBinary ? .binary(options) : isText ? .text : nil }

    /// As in HAProxy, checks of the server's own address send the same form of header as sessions; other checks only with `check-send-proxy`.
    func checkForm(isElsewhere: Bool) -> ProxyHeaderForm? { (isForAllChecks ? form ?? .text : isElsewhere ? nil : form)?.withoutClient }
}
