import Foundation
import Support

/// The task of a row's nodes.
package enum DatabaseSetting: Sendable {
    /// The article's proxy with a third replica.
    case reading
    /// As `reading`, and the role and lag of the databases are checked where the program supports that.
    case watching
    /// As `watching`, on two nodes that gossip.
    case watchingTogether
    /// A proxy for writes on port 3308, to the current primary, on two nodes that gossip.
    case writing
    /// The article's proxy with the addresses of one name as its servers.
    case discovering

    /// True when both nodes run.
    var hasTwoNodes: Bool { self == .watchingTogether || self == .writing }
}

/// A program with a configuration: a column of the comparison.
package struct DatabaseProgram: Sendable, Equatable {
    /// The value of `--proxy`.
    package let name: String
    /// The column's title.
    package let title: String
    /// The program itself.
    package let program: ProxyProgram
    /// True when the row's promises apply to it.
    package var isTsukada: Bool { self == .ours }
    /// True when its runtime socket shows the results of its checks.
    var hasChecks: Bool { self != .nginx }

    package static let ours = DatabaseProgram(name: "ours", title: "tsukada", program: .tsukada)
    package static let haproxy = DatabaseProgram(name: "haproxy", title: "HAProxy, the article's file", program: .haproxy)
    package static let haproxyTuned = DatabaseProgram(name: "haproxy-tuned", title: "HAProxy, tuned", program: .haproxy)
    package static let nginx = DatabaseProgram(name: "nginx", title: "nginx stream", program: .nginx)
    /// All programs in the order of the columns.
    package static let all = [ours, haproxy, haproxyTuned, nginx]

    /// The additional lines for tsukada. The article's proxy gets a third server.
    package static func ownLines(_ setting: DatabaseSetting, node: String) -> [String] {
        let login = ["user monitor", "password-file /etc/tsukada/monitor.password"]
        switch setting {
        case .reading, .discovering: return []
        case .watching, .watchingTogether: return section("database mysql", login + ["role replica", "max-lag \(Int(DatabasePace.maxLag))s"])
        case .writing:
            let proxy = ["bind \(node):3308"] + ["dbserver03", "dbserver01"].map { "server \($0) \($0):3306 check resolvers awsvpc inter 2000 fall 3" }
            return section("listen mysql-write", proxy) + section("database mysql-write", login + ["role primary"])
        }
    }

    private static func section(_ title: String, _ lines: [String]) -> [String] { [title] + lines.map { "    \($0)" } }

    /// The text of a node's file: the article's, with the additions of the setting.
    func configuration(_ setting: DatabaseSetting, node: String) throws -> String {
        switch self {
        case .nginx: return try nginxConfiguration(setting, node: node)
        case .haproxyTuned:
            let text = try fixture("haproxy-tuned.cfg").replacingOccurrences(of: "tsukada01", with: node)
            return Self.adapted(text, setting, template: "check resolvers awsvpc") + writers(setting, node: node)
        default:
            let third = "    server read03 dbserver04:3306 check port 3306 resolvers awsvpc inter 2000 fall 3\n"
            let text = try seedConfiguration(of: node) + third
            let adapted = Self.adapted(text, setting, template: "check port 3306 resolvers awsvpc inter 2000 fall 3")
            return isTsukada ? adapted : adapted + writers(setting, node: node)
        }
    }

    /// Replaces the server lines by one template in the setting `discovering`.
    private static func adapted(_ text: String, _ setting: DatabaseSetting, template: String) -> String {
        guard case .discovering = setting else { return text }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.contains(" server read0") }
        return lines.joined(separator: "\n") + "\n    server-template read 5 dbservers:3306 \(template)\n"
    }

    /// HAProxy has no roles, so the proxy has the primary and a backup server.
    private func writers(_ setting: DatabaseSetting, node: String) -> String {
        guard case .writing = setting else { return "" }
        let check = self == .haproxyTuned ? "check resolvers awsvpc" : "check resolvers awsvpc inter 2000 fall 3"
        let servers = ["dbserver03 dbserver03:3306 \(check)", "dbserver01 dbserver01:3306 \(check) backup"].map { "    server \($0)\n" }.joined()
        return "\nlisten mysql-write\n    bind \(node):3308\n    option mysql-check user haproxy_check\n" + servers
    }

    private func nginxConfiguration(_ setting: DatabaseSetting, node: String) throws -> String {
        let text = try fixture("nginx.conf").replacingOccurrences(of: "tsukada01", with: node)
        switch setting {
        case .reading, .watching, .watchingTogether: return text
        // nginx resolves a name repeatedly only if it is in a variable, so one name replaces all servers.
        case .discovering: return text.replacingOccurrences(of: "proxy_pass mysql;", with: "set $servers dbservers:3306;\n        proxy_pass $servers;")
        case .writing:
            let upstream = "    upstream writers { server dbserver03:3306 max_fails=1 fail_timeout=5s; server dbserver01:3306 backup; }\n"
            let server = "    server { listen \(node):3308; proxy_pass writers; proxy_connect_timeout 1s; }\n"
            return text.replacingOccurrences(of: "    upstream mysql", with: upstream + server + "    upstream mysql")
        }
    }
}

/// The durations of faults.
package struct DatabasePace: Sendable {
    /// The value of `max-lag`, and the time within which a server must be out after crossing it, in seconds.
    package static let maxLag = 3.0
    package static let outWithin = 3.0

    /// Seconds of a fault that shows at once, such as a refused connect.
    package var loud: Double
    /// Seconds of a fault that shows only by a timeout, such as a silent server.
    package var silent: Double
    /// Seconds for which a database is stopped before it continues.
    package var frozen: Double
    /// Seconds of a nameserver's fault.
    package var names: Double

    /// For the document's tables. HAProxy drops an address after 30 s without an answer.
    package static let thorough = DatabasePace(loud: 8, silent: 15, frozen: 20, names: 35)
    /// For the cluster tests.
    package static let brief = DatabasePace(loud: 1.5, silent: 3, frozen: 20, names: 4)
}
