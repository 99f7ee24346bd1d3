import Glibc
import LinuxIO
import Proxy
import Support
import Testing
import Wire

@testable import NodeAgent

/// One file that both this agent and the real haproxy read.
@Suite("Beside the real haproxy,", .enabled(if: access("/usr/sbin/haproxy", X_OK) == 0, "needs /usr/sbin/haproxy"), .timeLimit(.minutes(3)))
struct BesideHAProxyTests {
    private static func text(_ folder: String) -> String {
        """
        global
            maxconn 150
            stats socket \(folder)/stats
        defaults
            mode tcp
            timeout connect 60s
            timeout client 60s
            timeout server 60s
        frontend limited
            bind \(folder)/limited
            maxconn 33
            use_backend used
            use_backend later
            default_backend standard
        frontend unlimited
            bind \(folder)/unlimited
            default_backend standard
        frontend queued
            bind \(folder)/queued
            backlog 9
            maxconn 47
            default_backend standard
        backend used
        backend standard
        backend later
        backend nowhere
        backend written
            fullconn 77
        listen own
            bind \(folder)/own
            maxconn 21
            use_backend other
        listen other
            bind \(folder)/other backlog 5
            maxconn 51
            default_backend used

        """
    }

    /// The column `slim` of `show stat` in each BACKEND row.
    private static func limits(_ folder: String) throws -> [String] {
        let text = try ChildProcess.demand(["bash", "-c", "echo 'show stat -1 2 -1' | socat - UNIX-CONNECT:\(folder)/stats"])
        return text.split(separator: "\n").dropFirst().map { $0.split(separator: ",", omittingEmptySubsequences: false) }.filter { $0.count > 6 }
            .map { "\($0[0]) \($0[6])" }
    }

    /// The queues of the listening sockets in a folder, from the kernel; they were bound under temporary names.
    private static func queues(_ folder: String) throws -> [String] {
        try ChildProcess.demand(["ss", "-xlnH"]).split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count > 4, words[4].hasPrefix(folder + "/"), let name = words[4].dropFirst(folder.count + 1).split(separator: ".").first,
                name != "stats"
            else { return nil }
            return "\(name) \(words[3])"
        }.sorted()
    }

    @Test("fullconn and the queues of listening sockets are the same where no line sets them")
    func limitsAndQueues() throws {
        let folders = ["theirs", "ours"].map { "/tmp/tsukada-\($0)-\(getpid())-\(UInt32.random(in: 0 ... .max))" }
        for folder in folders { mkdir(folder, 0o700) }
        defer { for folder in folders { _ = try? ChildProcess.run(["rm", "-rf", folder]) } }
        let file = try #require(fopen("\(folders[0])/cfg", "w"))
        fputs(Self.text(folders[0]), file)
        fclose(file)
        let process = try ChildProcess(["/usr/sbin/haproxy", "-db", "-f", "\(folders[0])/cfg"])
        defer {
            process.send(signal: SIGKILL)
            _ = try? process.wait(within: 10)
        }
        try eventually(within: 60, "haproxy's sockets: \(process.output)") { try Self.queues(folders[0]).count == 5 && !Self.limits(folders[0]).isEmpty }
        let configuration = Configuration.read(Self.text(folders[1])).configuration
        let ours = zip(configuration.backends, configuration.fullConnections(sessionsMax: 150)).map { "\($0.name) \($1)" }
        #expect(try Self.limits(folders[0]).sorted() == ours.sorted())
        var sockets = StartSockets(
            names: NameResolution(lookup: NameLookup()), threads: 2, accounts: AccountFiles.ofMachine(), inherited: InheritedSockets())
        let listeners = try sockets.listeners(configuration, sessionsMax: 150)
        #expect(try Self.queues(folders[1]) == Self.queues(folders[0]))
        withExtendedLifetime(listeners) {}
    }
}
