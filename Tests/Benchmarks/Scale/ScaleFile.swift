/// The configuration that tsukada and HAProxy both read in a case of the scale benchmark.
struct ScaleFile: Sendable {
    /// The balancing of the servers.
    enum Balance: String, CaseIterable, Sendable {
        /// Round robin, all weights 1.
        case equal
        /// Round robin, weights 1 to 256.
        case weighted
        /// Fewest connections, all weights 1.
        case leastconn
    }

    /// `nbthread`.
    var threads = 1
    /// The balancing of the servers.
    var balance = Balance.equal
    /// The options after each server's address.
    var serverWords = ""
    /// Lines of `defaults`.
    var options: [String] = []
    /// `listen` sections.
    var sections = 1
    /// Servers of each section.
    var servers: Int
    /// The servers' ports, in turn. Each server has a separate address.
    var serverPorts: [UInt16]

    /// The address of section `number`.
    static func listener(_ number: Int, port: UInt16) -> String { "127.21.\(number / 250).\(number % 250 + 1):\(port)" }

    /// The name of server `number` of all sections' servers, in the form of runtime commands.
    func server(_ number: Int) -> String { "b\(number / servers)/s\(number % servers)" }

    /// The file's text.
    /// - Parameters:
    ///   - socket: path of the runtime socket.
    ///   - port: the port of every section, each at a separate address.
    func text(socket: String, port: UInt16) -> String {
        var text = """
            global
                nbthread \(threads)
                maxconn \(Self.connectionsMax)
                stats socket \(socket) level admin
                stats timeout 1m
            defaults
                mode tcp
                balance \(balance == .leastconn ? "leastconn" : "roundrobin")
                maxconn \(Self.connectionsMax)
                timeout connect 5s
                timeout client 1m
                timeout server 1m
                timeout queue 1m
                timeout check 2s

            """
        text += options.map { "    \($0)\n" }.joined()
        for section in 0..<sections {
            text += "listen b\(section)\n    bind \(Self.listener(section, port: port))\n"
            for server in 0..<servers { text += line(of: section * servers + server) }
        }
        return text
    }

    private static let connectionsMax = 4000

    private func line(of number: Int) -> String {
        let weight = balance == .weighted ? " weight \(number % 256 + 1)" : ""
        let address = "127.30.\(number / 250).\(number % 250 + 1):\(serverPorts[number % serverPorts.count])"
        return "    server s\(number % servers) \(address)\(weight)\(serverWords.isEmpty ? "" : " " + serverWords)\n"
    }
}
