import Proxy
import Wire

/// Which rows `show stat` shows.
struct StatisticsFilter: Equatable, Sendable {
    /// Which proxies.
    enum Proxies: Equatable, Sendable {
        case all
        case identifier(Int)
        case name(String)
    }

    /// `<iid|name>`.
    var proxies = Proxies.all
    /// `<type>`: bits by `StatisticsRowKind`; -1 for all.
    var kinds = -1
    /// `<sid>`: this server alone; `nil` for all rows.
    var server: Int?
    /// `up`: no servers that are down.
    var hidesDown = false
    /// `no-maint`: no servers in maintenance.
    var hidesMaintenance = false

    /// Everything.
    init() {}

    fileprivate func admits(_ proxy: ProxyOutline) -> Bool {
        guard !proxy.isDisabled else { return false }
        return switch proxies {
        case .all: true
        case .identifier(let identifier): proxy.identifier == identifier
        case .name(let name): proxy.name == name
        }
    }

    /// Whether rows of this kind are shown, as far as the filter decides without reading one.
    fileprivate func admits(_ kind: StatisticsRowKind) -> Bool { kinds & (1 << kind.rawValue) != 0 }

    fileprivate func admits(_ row: StatisticsRow) -> Bool {
        if let server, server != row.identifier { return false }
        guard case .server(let server) = row.subject else { return true }
        let isInMaintenance = server.administration.isMaintenance
        if isInMaintenance { return !hidesDown && !hidesMaintenance }
        return !(hidesDown && !server.isRunning)
    }
}

extension StatisticsSource {
    /// `show stat`: the header and a line for each row. Every line ends with a comma and a newline.
    func csv(_ filter: StatisticsFilter = StatisticsFilter(), showsAddresses: Bool = true) -> AnswerText {
        let rows = outlines.lazy.filter { filter.admits($0) }.flatMap { proxy in
            proxy.parts.lazy.map { line($0, of: proxy, filter, showsAddresses: showsAddresses) }
        }
        return AnswerText(head: StatisticsTable.header + "\n", rows: rows)
    }

    /// One line of `show stat`; empty when `filter` leaves it out.
    private func line(_ part: ProxyOutline.Part, of proxy: ProxyOutline, _ filter: StatisticsFilter, showsAddresses: Bool) -> String {
        guard filter.admits(part.kind) else { return "" }
        let subject: StatisticsRow.Subject =
            switch part {
            case .frontend(let frontend): .frontend(frontendStatistics(frontend))
            case .server(let server): .server(serverStatistics(server))
            case .backend(let backend): .backend(backendStatistics(backend))
            }
        var row = StatisticsRow(proxy: proxy, subject: subject, showsAddresses: showsAddresses)
        row.countsServers = filter.hidesDown || filter.hidesMaintenance
        guard filter.admits(row) else { return "" }
        return StatisticsTable.columns.reduce(into: "") { $0 += StatisticsTable.quoted($1.read(row) ?? "") + "," } + "\n"
    }

    /// `show servers state`: of one backend, or of all; `nil` when there is no such backend.
    func serversState(backend: String?) -> AnswerText? {
        let chosen = outlines.filter { $0.backend != nil && (backend == nil || $0.name == backend) }
        guard backend == nil || !chosen.isEmpty else { return nil }
        let rows = chosen.lazy.flatMap { proxy in proxy.servers.lazy.map { proxy.stateLine(serverStatistics($0)) } }
        return AnswerText(head: "1\n" + ProxyOutline.stateHeader, rows: rows)
    }
}

extension StatisticsTable {
    /// A CSV field: quoted when it holds a comma, a quote or a line end, which becomes a space.
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
        let check = server.check
        let isRunning = check?.isRunning ?? false
        // Configured and enabled, paused (without checks, too), under way. What is under way has no result yet.
        let checkState = (check == nil ? 0 : 6) | (server.administration.isMaintenance ? 8 : 0) | (isRunning ? 1 : 0)
        let result = isRunning ? 0 : (check?.status ?? .initializing).resultNumber
        let port = String(check?.port ?? 0)
        let address = check?.address?.description ?? "-"
        let fields: [String] = [
            String(identifier), name, String(server.identifier), server.name, server.addressText,
            server.isRunning ? (!server.isFit ? "3" : server.isWarming ? "1" : "2") : "0", String(server.administration.rawValue),
            String(server.weight), String(server.initialWeight), String(server.serving.sinceChange.wholeSeconds),
            String((check?.status ?? .initializing).rawValue), String(result), String(check?.health ?? 0), String(checkState),
            "0", "0", "0", server.hostName ?? "-", String(server.address?.port ?? server.port), "-", "0", port, address, address, port,
        ]
        return fields.joined(separator: " ") + "\n"
    }
}

extension ServerStatistics {
    /// The address without its port; `-` without one.
    fileprivate var addressText: String {
        switch address {
        case .ip(let address, _): address.description
        case .unix(let path): path
        case nil: "-"
        }
    }
}
