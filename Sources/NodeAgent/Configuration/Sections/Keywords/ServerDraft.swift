import Proxy
import Wire

/// A server line, or what `default-server` lines say of all of them.
struct ServerDraft: Sendable {
    var server: Server
    /// What checks would do.
    var check = CheckSettings()
    /// Where `resolvers` stands, on this line or in its `default-server`.
    var resolvers: NameReference?
    /// What `error-limit` and `on-error` say, whether or not `observe` stands.
    var observation = ConnectObservation()
    /// `observe layer4`.
    var isObserved = false
    /// `check` or `no-check`.
    var isChecked = false
    var proxyHeader = ProxyHeaderDraft()

    /// What a server is without `default-server`.
    init(location: ConfigurationLocation) {
        server = Server(name: "", identifier: 0, endpoint: .name("", port: 0), port: .client(offset: 0), location: location)
    }

    /// The server as the model has it.
    var finished: Server {
        var server = server
        server.proxyHeader = proxyHeader.form
        server.check = isChecked ? check : nil
        server.observation = isChecked && isObserved ? observation : nil
        server.check?.proxyHeader = proxyHeader.checkForm(isElsewhere: check.port != nil || check.isAtOtherHost)
        return server
    }
}

/// What `send-proxy` and its kin say of a server.
struct ProxyHeaderDraft: Equatable, Sendable {
    /// `send-proxy`.
    var isText = false
    /// `send-proxy-v2`, which wins.
    var isBinary = false
    /// `proxy-v2-options crc32c`.
    var hasChecksum = false
    /// `check-send-proxy`.
    var isForAllChecks = false

    var form: ProxyHeaderForm? { isBinary ? .binary(withChecksum: hasChecksum) : isText ? .text : nil }

    /// As in HAProxy, checks of the server itself do as sessions do; others only when they are told to.
    func checkForm(isElsewhere: Bool) -> ProxyHeaderForm? { isForAllChecks ? form ?? .text : isElsewhere ? nil : form }
}
