/// A proxy under test: its name, configuration and command.
enum ProxyKind: String, CaseIterable, Codable, Sendable {
    /// tsukada.
    case tsukada
    /// The machine's HAProxy, the reference of the ratios.
    case haproxy
    /// The machine's HAProxy, with splice forced in both directions.
    case haproxySplice = "haproxy-splice"
    /// The machine's nginx, its stream module.
    case nginx

    /// The reference of the ratios.
    static let reference = ProxyKind.haproxy
    /// The proxies of a run without `--proxies`.
    static let usual: [ProxyKind] = [.tsukada, .haproxy, .nginx]

    /// The configuration's file name.
    var configurationName: String { self == .nginx ? "nginx.conf" : "\(rawValue).cfg" }

    /// The command, which stays in the foreground.
    func command(executable: String, directory: String) -> [String] {
        let file = "\(directory)/\(configurationName)"
        return switch self {
        case .tsukada, .haproxy, .haproxySplice: [executable, "-db", "-f", file]
        case .nginx: [executable, "-p", directory, "-e", "stderr", "-c", file]
        }
    }

    /// The configuration of a proxy with `threads` threads: one listener and two servers per service.
    func configuration(for network: ProxyNetwork, threads: Int, connectionsMax: Int, directory: String) -> String {
        switch self {
        case .tsukada, .haproxy: haproxyConfiguration(network, threads: threads, connectionsMax: connectionsMax)
        case .haproxySplice:
            haproxyConfiguration(
                network, threads: threads, connectionsMax: connectionsMax, limits: ["maxpipes 500"],
                options: ["option splice-request", "option splice-response"])
        case .nginx: nginxConfiguration(network, threads: threads, connectionsMax: connectionsMax, directory: directory)
        }
    }

    private func haproxyConfiguration(
        _ network: ProxyNetwork, threads: Int, connectionsMax: Int, limits: [String] = [], options: [String] = []
    ) -> String {
        let defaults = ["mode tcp", "balance roundrobin", "timeout connect 5s", "timeout client 5m", "timeout server 5m"]
        var text = "global\n" + indented(["nbthread \(threads)", "maxconn \(connectionsMax)"] + limits)
        text += "\ndefaults\n" + indented(defaults + options)
        for service in Service.allCases {
            text += "\nlisten \(service.rawValue)\n    bind \(network.listener(service))\n    maxconn \(connectionsMax)\n"
            for (index, server) in network.servers(service).enumerated() { text += "    server database\(index + 1) \(server)\n" }
        }
        return text
    }

    private func indented(_ lines: [String]) -> String { lines.map { "    \($0)\n" }.joined() }

    private func nginxConfiguration(_ network: ProxyNetwork, threads: Int, connectionsMax: Int, directory: String) -> String {
        var text = """
            load_module /usr/lib/nginx/modules/ngx_stream_module.so;
            daemon off;
            worker_processes \(threads);
            pid \(directory)/nginx.pid;
            error_log stderr warn;
            events { worker_connections \(2 * connectionsMax + 64); }
            stream {
                proxy_connect_timeout 5s;
                proxy_timeout 5m;

            """
        for service in Service.allCases {
            let servers = network.servers(service).map { "server \($0); " }.joined()
            text += "    upstream \(service.rawValue) { \(servers)}\n"
            text += "    server { listen \(network.listener(service)) backlog=4096; proxy_pass \(service.rawValue); }\n"
        }
        return text + "}\n"
    }
}

/// The loopback addresses of one proxy: each proxy has separate ones, so that they share no pair of addresses.
struct ProxyNetwork: Sendable {
    /// The proxy's index among those under test, from 0.
    let number: Int
    /// The ports of the proxy's listeners.
    let ports: [Service: UInt16]
    /// The servers' ports, two per service.
    let serverPorts: [Service: [UInt16]]

    /// The address of the proxy's listeners.
    static func listenerHost(_ number: Int) -> String { "127.0.20.\(number + 1)" }

    /// The endpoint of `service`.
    func listener(_ service: Service) -> String { "\(Self.listenerHost(number)):\(ports[service] ?? 0)" }

    /// The address of its servers.
    static func serverHost(_ number: Int) -> String { "127.0.30.\(number + 1)" }

    /// The two servers of `service`.
    func servers(_ service: Service) -> [String] { (serverPorts[service] ?? []).map { "\(Self.serverHost(number)):\($0)" } }
}
