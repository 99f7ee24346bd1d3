import Foundation
import Support

/// What a row's nodes are to do.
package enum DatabaseSetting: Sendable {
    /// The article's proxy, with a third replica.
    case reading
    /// The same, and where the program can, with an eye on what the databases say of themselves: role, lag.
    case watching
    /// The same on two nodes that gossip.
    case watchingTogether
    /// A proxy for writes on port 3308, to the primary or whoever follows it, on two nodes that gossip.
    case writing
    /// The article's proxy in front of whatever addresses one name has.
    case discovering

    /// Whether both nodes run.
    var hasTwoNodes: Bool { self == .watchingTogether || self == .writing }
}

/// A program with a configuration: a column of the comparison.
package struct DatabaseProgram: Sendable, Equatable {
    /// What `--proxy` takes.
    package let name: String
    /// The column's title.
    package let title: String
    /// The program itself.
    package let program: ProxyProgram
    /// Whether promises are made of it.
    package var isOurs: Bool { self == .ours }
    /// Whether its runtime socket tells what its checks have found.
    var hasChecks: Bool { self != .nginx }

    package static let ours = DatabaseProgram(name: "ours", title: "tsukada", program: .tsukada)
    package static let haproxy = DatabaseProgram(name: "haproxy", title: "HAProxy, the article's file", program: .haproxy)
    package static let haproxyTuned = DatabaseProgram(name: "haproxy-tuned", title: "HAProxy, tuned", program: .haproxy)
    package static let nginx = DatabaseProgram(name: "nginx", title: "nginx stream", program: .nginx)
    /// All, in the order of the columns.
    package static let all = [ours, haproxy, haproxyTuned, nginx]

    /// The lines that ours has beside the article's file; the article's proxy gets one more server.
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

    /// The text of a node's file: the seed's and what the setting adds to it.
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
            return isOurs ? adapted : adapted + writers(setting, node: node)
        }
    }

    /// One line for all servers in place of one for each, where the row is about that.
    private static func adapted(_ text: String, _ setting: DatabaseSetting, template: String) -> String {
        guard case .discovering = setting else { return text }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.contains(" server read0") }
        return lines.joined(separator: "\n") + "\n    server-template read 5 dbservers:3306 \(template)\n"
    }

    /// HAProxy knows no roles: the primary, and whoever shall take its place when it does not answer.
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
        // Only a name in a variable is asked for again: it stands for all servers.
        case .discovering: return text.replacingOccurrences(of: "proxy_pass mysql;", with: "set $servers dbservers:3306;\n        proxy_pass $servers;")
        case .writing:
            let upstream = "    upstream writers { server dbserver03:3306 max_fails=1 fail_timeout=5s; server dbserver01:3306 backup; }\n"
            let server = "    server { listen \(node):3308; proxy_pass writers; proxy_connect_timeout 1s; }\n"
            return text.replacingOccurrences(of: "    upstream mysql", with: upstream + server + "    upstream mysql")
        }
    }
}

/// How long things last.
package struct DatabasePace: Sendable {
    /// What `max-lag` says, and how long a server may be in service after it has crossed that, in seconds.
    package static let maxLag = 3.0
    package static let outWithin = 3.0

    /// Seconds that a fault lasts which is seen at once: a refused connect.
    package var loud: Double
    /// Seconds that a fault lasts which is seen by waiting only: a silent server.
    package var silent: Double
    /// Seconds that a database is stopped, to go on then.
    package var frozen: Double
    /// Seconds that a nameserver's fault lasts.
    package var names: Double

    /// For the tables: HAProxy gives an address up after 30 s without an answer.
    package static let thorough = DatabasePace(loud: 8, silent: 15, frozen: 20, names: 35)
    /// For the tests.
    package static let brief = DatabasePace(loud: 1.5, silent: 3, frozen: 20, names: 4)
}
