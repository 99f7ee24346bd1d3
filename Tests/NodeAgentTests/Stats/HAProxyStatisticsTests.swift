import Glibc
import LinuxIO
import Proxy
import Support
import Testing
import Wire

@testable import NodeAgent

private let haproxy = "/usr/sbin/haproxy"

/// Values of Debian's haproxy 2.6 and of tsukada for the same file.
@Suite("Beside haproxy's show stat,", .enabled(if: access(haproxy, X_OK) == 0, "no haproxy"))
struct HAProxyStatisticsTests {
    private static let servers = """
        listen backups
            bind unix@FOLDER/l
            server p1 127.0.0.1:9 weight 7 disabled
            server b0 127.0.0.1:9 weight 2 backup disabled
            server b1 127.0.0.1:9 weight 3 backup
            server b2 127.0.0.1:9 weight 5 backup
        backend active
            server p1 127.0.0.1:9 weight 7
            server p2 127.0.0.1:9 weight 4
            server p3 127.0.0.1:9 weight 9 disabled
            server b1 127.0.0.1:9 weight 3 backup
        backend addresses
            server fixed 127.0.0.2:3306
            server same 127.0.0.2
            server up 127.0.0.2:+10
            server down 127.0.0.2:-10
            server six [::1]:3306
            server path FOLDER/u
        backend empty
        backend all
            option allbackups
            balance static-rr
            fullconn 7
            server p1 127.0.0.1:9 weight 7 disabled
            server b1 127.0.0.1:9 weight 3 backup maxqueue 5
            server b2 127.0.0.1:9 weight 5 backup minconn 4
            server b3 127.0.0.1:9 backup minconn 2 maxconn 6 maxqueue 0
            server b4 127.0.0.1:9 backup minconn 6 maxconn 2
        backend one
            balance first
        backend two
            balance random
        backend three
            balance random(3)
        backend four
            balance source

        """

    /// The rows of `show stat` of a running haproxy, by "proxy/server"; each maps column names to values.
    private static func rows(_ text: String, in folder: String) throws -> [String: [String: String]] {
        let path = "\(folder)/haproxy.cfg"
        let file = try #require(fopen(path, "w"))
        fputs("global\n stats socket \(folder)/s\ndefaults\n mode tcp\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n" + text, file)
        fclose(file)
        let child = try ChildProcess([haproxy, "-db", "-f", path])
        defer {
            child.send(signal: SIGKILL)
            _ = try? child.wait(within: 10)
        }
        let client = RuntimeClient(path: "\(folder)/s")
        var answer = client.ask("show stat")
        try eventually(within: 10, "haproxy's answer") {
            if answer.text == nil { answer = client.ask("show stat") }
            return answer.text != nil
        }
        let lines = try #require(answer.text).split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
        let names = lines[0].map { $0.hasPrefix("# ") ? String($0.dropFirst(2)) : $0 }
        var rows: [String: [String: String]] = [:]
        for fields in lines.dropFirst() where fields.count >= names.count {
            rows["\(fields[0])/\(fields[1])"] = Dictionary(zip(names, fields)) { first, _ in first }
        }
        return rows
    }

    @Test("weights, addresses, limits, algorithms and downtime are the same")
    func agrees() throws {
        let folder = "/tmp/tsukada-stat-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        #expect(mkdir(folder, 0o700) == 0)
        defer { _ = try? ChildProcess.run(["rm", "-r", folder]) }
        let text = Self.servers.split(separator: "FOLDER", omittingEmptySubsequences: false).joined(separator: folder)
        let rows = try Self.rows(text, in: folder)
        let backends = Configuration.read(text).configuration.backends
        #expect(backends.map(\.name) == ["backups", "active", "addresses", "empty", "all", "one", "two", "three", "four"])
        let registry = ServerRegistry(backends: backends, now: MonotonicClock.now()) { reference in
            ServerRegistry.numericAddress(of: backends[reference.backend].servers[reference.server])
        }
        for (index, backend) in backends.enumerated() {
            let weight = registry.servingServers(ofBackend: index).reduce(0) { $0 + registry.status(of: $1).weight }
            let row = try #require(rows["\(backend.name)/BACKEND"])
            #expect(row["weight"] == String(weight) && row["uweight"] == String(weight), "\(backend.name): \(weight), \(row)")
            #expect((row["downtime"] == "") == backend.servers.isEmpty, "\(backend.name)")
            #expect(row["algo"] == backend.balance.statisticsWord, "\(backend.name)")
            for (place, server) in backend.servers.enumerated() {
                var statistics = ServerStatistics(name: server.name, identifier: 1)
                statistics.address = registry.status(of: ServerReference(backend: index, server: place)).address
                if case .client(let offset) = server.port { statistics.portOffset = offset }
                let name = "\(backend.name)/\(server.name)"
                #expect(rows[name]?["addr"] == StatisticsTable.address(of: statistics), "\(name)")
                #expect(rows[name]?["slim"] == (server.connectionsMax > 0 ? String(server.connectionsMax) : ""), "\(name)")
                #expect(rows[name]?["qlimit"] == (server.queueMax > 0 ? String(server.queueMax) : ""), "\(name)")
            }
        }
    }
}

extension RuntimeAnswer {
    /// The node's text, unless it is empty.
    fileprivate var text: String? { if case .text(let text) = self, !text.isEmpty { text } else { nil } }
}
