import Glibc
import Support
import Testing
import Wire

/// A running haproxy in front of servers that greet with their numbers.
final class HAProxyPeer {
    static let program = "/usr/sbin/haproxy"

    private let servers: [TestServer]
    private let folder: String
    private let process: ChildProcess
    private var kept: [TestSocket] = []
    private var path: SocketAddress { .unix("\(folder)/in") }

    /// One thread, and a proxy `in` whose servers `s0`, `s1`, ... have these weights.
    ///
    /// - Parameters:
    ///   - bindOptions: further words of the `bind` line.
    ///   - down: servers that start in maintenance.
    ///   - lines: further lines of the proxy.
    ///   - options: further words of a server's line.
    ///   - log: gets the lines of `option tcplog`.
    init(
        balance: String, weights: [Int], bindOptions: String = "", down: Set<Int> = [], lines: [String] = [], log: LogReceiver? = nil,
        options: (Int) -> String = { _ in "" }
    ) throws {
        servers = weights.indices.map { TestServer.echo("s\($0)") }
        folder = "/tmp/tsukada-peer-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        mkdir(folder, 0o700)
        let serverLines = servers.enumerated().map { place, server in
            " server s\(place) \(server.address) weight \(weights[place])\(down.contains(place) ? " disabled" : "") \(options(place))\n"
        }
        let logging = log.map { [" option tcplog", " log \($0.address) local0"] } ?? []
        let text = """
            global
             nbthread 1
             stats socket \(folder)/stats level admin
            defaults
             mode tcp
             timeout connect 60s
             timeout client 60s
             timeout server 60s
            listen in
             bind \(folder)/in \(bindOptions)
             balance \(balance)

            """
        let file = try #require(fopen("\(folder)/cfg", "w"))
        fputs(text + (logging + lines.map { " \($0)" }).map { "\($0)\n" }.joined() + serverLines.joined(), file)
        fclose(file)
        process = try ChildProcess([Self.program, "-db", "-f", "\(folder)/cfg"])
        // Through the runtime socket: a connection to the proxy would use a turn.
        let answers = eventually { process.exitStatus != nil || TestSocket(to: .unix("\(folder)/stats")) != nil }
        try #require(answers && process.exitStatus == nil, "\(process.output)")
    }

    deinit {
        process.send(signal: SIGKILL)
        _ = try? process.wait(within: 10)
        for server in servers { server.stop() }
        for file in ["in", "stats", "cfg"] { unlink("\(folder)/\(file)") }
        rmdir(folder)
    }

    /// The number of the next session's server, which has greeted; `nil` without one.
    func visit(sending bytes: [UInt8] = []) throws -> Int? {
        let socket = try connect()
        if !bytes.isEmpty { socket.send(bytes) }
        return Int(socket.text(2).dropFirst())
    }

    /// The number of the next session's server; the session stays.
    func stay() throws -> Int? {
        let socket = try connect()
        kept.append(socket)
        return Int(socket.text(2).dropFirst())
    }

    /// A client. For a moment after the start there may be no listener.
    func connect() throws -> TestSocket {
        var socket: TestSocket?
        _ = eventually {
            socket = TestSocket(to: path)
            return socket != nil
        }
        return try #require(socket, "errno \(errno)")
    }

    /// Runs a command whose answer must be empty.
    func ask(_ command: String) throws {
        let answer = try answer(to: command).trimmingPrefix { $0.isWhitespace }
        try #require(answer.isEmpty, "\(command): \(answer)")
    }

    /// The number of sessions in all queues.
    func queued() throws -> Int {
        let rows = try answer(to: "show stat").split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        let column = try #require(rows.first?.firstIndex(of: "qcur"))
        return rows.dropFirst().reduce(0) { $0 + ($1.count > column ? Int($1[column]) ?? 0 : 0) }
    }

    private func answer(to command: String) throws -> String {
        let socket = try #require(TestSocket(to: .unix("\(folder)/stats")))
        socket.send(command + "\n")
        return socket.textToEnd()
    }
}
