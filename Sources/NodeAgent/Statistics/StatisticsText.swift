import Proxy
import Wire

/// Selects the rows of `show stat`.
struct StatisticsFilter: Equatable, Sendable {
    /// The selection of proxies.
    enum Proxies: Equatable, Sendable {
        case all
        case identifier(Int)
        case name(String)
    }

    /// `<iid|name>`.
    var proxies = Proxies.all
    /// `<type>`: bits by `StatisticsRowKind`; -1 for all.
    var kinds = -1
    /// `<sid>`: shows only the server with this identifier; `nil` for all rows.
    var server: Int?
    /// `up`: hides servers that are down.
    var hidesDown = false
    /// `no-maint`: hides servers in maintenance.
    var hidesMaintenance = false

    /// A filter that shows all rows.
    init() {}

    fileprivate func admits(_ proxy: ProxyOutline) -> Bool {
        guard !proxy.isDisabled else { return false }
        return switch proxies {
        case .all: true
        case .identifier(let identifier): proxy.identifier == identifier
        case .name(let name): proxy.name == name
        }
    }

    /// Whether rows of this kind are shown, as far as the kind decides.
    fileprivate func admits(_ kind: StatisticsRowKind) -> Bool { kinds & (1 << kind.rawValue) != 0 }

    /// Whether the row with this `sid` is shown. Rows of frontends and backends have 0.
    fileprivate func admits(identifier: Int) -> Bool { server == nil || server == identifier }

    fileprivate func admits(_ server: ServerStatistics) -> Bool {
        guard admits(identifier: server.identifier) else { return false }
        if server.administration.isMaintenance { return !hidesDown && !hidesMaintenance }
        return !(hidesDown && !server.isRunning)
    }
}

extension StatisticsSource {
    /// Composes `show stat`: the header and a line for each row. Every line ends with a comma and a newline.
    func csv(_ filter: StatisticsFilter = StatisticsFilter(), showsAddresses: Bool = true) -> AnswerText {
        AnswerText(head: StatisticsTable.header + "\n", outlines.filter { filter.admits($0) }) { proxy, part in
            line(part, of: proxy, filter, showsAddresses: showsAddresses)
        }
    }

    /// One line of `show stat`; empty if `filter` hides the row.
    private func line(_ part: ProxyOutline.Part, of proxy: ProxyOutline, _ filter: StatisticsFilter, showsAddresses: Bool) -> String {
        guard filter.admits(part.kind) else { return "" }
        switch part {
        case .frontend(let frontend):
            guard filter.admits(identifier: 0) else { return "" }
            return StatisticsTable.frontendLine.text(of: StatisticsRow(proxy: proxy, values: frontendStatistics(frontend)))
        case .socket(let frontend, let bind):
            let values = socketStatistics(bind, of: frontend)
            guard filter.admits(identifier: values.identifier) else { return "" }
            return StatisticsTable.socketLine.text(of: StatisticsRow(proxy: proxy, values: values, showsAddresses: showsAddresses))
        case .server(let server):
            let values = serverStatistics(server)
            guard filter.admits(values) else { return "" }
            return StatisticsTable.serverLine.text(of: StatisticsRow(proxy: proxy, values: values, showsAddresses: showsAddresses))
        case .backend(let backend):
            guard filter.admits(identifier: 0) else { return "" }
            let countsServers = filter.hidesDown || filter.hidesMaintenance
            return StatisticsTable.backendLine.text(of: StatisticsRow(proxy: proxy, values: backendStatistics(backend), countsServers: countsServers))
        }
    }

    /// Composes `show servers state` for one backend, or for all; `nil` if the backend does not exist.
    func serversState(backend: String?) -> AnswerText? {
        let chosen = outlines.filter { $0.backend != nil && (backend == nil || $0.name == backend) }
        guard backend == nil || !chosen.isEmpty else { return nil }
        return AnswerText(head: "1\n" + ProxyOutline.stateHeader, chosen) { proxy, part in
            guard case .server(let server) = part else { return "" }
            return proxy.stateLine(serverStatistics(server))
        }
    }
}

extension StatisticsTable {
    /// A CSV field. A field with a comma, a quote or a line end is quoted; line ends become spaces.
    static func quoted(_ field: String) -> String {
        guard !field.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "\"") }) else { return field }
        let isQuoted = field.utf8.contains { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 == 10 || $0 == 13 }
        var text = String.UnicodeScalarView()
        for scalar in field.unicodeScalars {
            if scalar == "\"" { text.append(scalar) }
            text.append(scalar == "\n" || scalar == "\r" ? " " : scalar)
        }
        let shown = String(text).shown
        return isQuoted ? "\"\(shown)\"" : shown
    }
}

extension ProxyOutline {
    fileprivate static let stateHeader =
        "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change"
        + " srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port"
        + " srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n"

    /// One line of `show servers state`, version 1.
    fileprivate func stateLine(_ server: ServerStatistics) -> String {
        var line = FieldText()
        writeState(of: server, to: &line)
        return line.text
    }

    /// Appends one line of `show servers state` to `line`.
    func writeState(of server: ServerStatistics, to line: inout FieldText) {
        let check = server.check
        let isRunning = check?.isRunning ?? false
        // 6: configured and enabled; 8: paused, also without checks; 1: running. A running check has no result yet.
        let checkState = (check == nil ? 0 : 6) | (server.administration.isMaintenance ? 8 : 0) | (isRunning ? 1 : 0)
        let result = isRunning ? 0 : (check?.status ?? .initializing).resultNumber
        // 16: an agent; the other bits as for checks, but maintenance does not pause it.
        let agentState = server.agent.map { 0x16 | ($0.isRunning ? 1 : 0) } ?? 0
        line.append(identifier)
        line.field(name)
        line.field(server.identifier)
        line.field(server.name)
        line.field(server.addressText)
        line.field(server.isRunning ? (!server.isFit ? 3 : server.isWarming ? 1 : 2) : 0)
        line.field(server.administration.rawValue)
        line.field(server.weight)
        line.field(server.initialWeight)
        line.field(server.serving.sinceChange.wholeSeconds)
        line.field((check?.status ?? .initializing).rawValue)
        line.field(result)
        line.field(check?.health ?? 0)
        line.field(checkState)
        line.field(agentState)
        line.append(" 0")
        line.field(server.hasFixedIdentifier ? 1 : 0)
        line.field(server.hostName ?? "-")
        line.field(server.address?.port ?? server.port)
        line.append(" - 0")
        line.field(check?.port ?? 0)
        line.field(check?.address?.description ?? "-")
        // As in HAProxy, a server without an agent shows the place of its checks twice.
        let place = server.agent ?? check
        line.field(place?.address?.description ?? "-")
        line.field(place?.port ?? 0)
        line.endLine()
    }
}

extension ServerStatistics {
    /// The address without its port; `-` if it is unknown.
    fileprivate var addressText: String {
        switch address {
        case .ip(let address, _): address.description
        case .unix(let path): SocketAddress.isAbstract(path) ? "-" : path
        case nil: "-"
        }
    }
}
