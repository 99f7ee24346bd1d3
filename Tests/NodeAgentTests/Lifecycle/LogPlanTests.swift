import Glibc
import LinuxIO
import Testing
import Wire

@testable import NodeAgent
@testable import Proxy

@Suite("The syslog daemon's UNIX socket")
struct LogPlanTests {
    private let folder: TemporaryFolder
    private let root: TemporaryFolder
    private var path: String { "\(folder.path)/log" }
    private var inside: String { root.path + path }

    init() throws {
        (folder, root) = (try TemporaryFolder(), try TemporaryFolder())
        mkdir(root.path + "/tmp", 0o700)
        mkdir(root.path + folder.path, 0o700)
    }

    /// A daemon at `path`.
    private func receiver(_ path: String) throws -> OpenFile {
        unlink(path)
        let file = OpenFile(try Sockets.open(.datagram, for: .unix(path)))
        try Sockets.bind(file.raw, to: .unix(path))
        return file
    }

    private func plan() throws -> LogPlan {
        let text = "global\n log \(path) local0\n log \(path) local1 notice\n"
        var names = NameResolution(lookup: NameLookup(hosts: "", resolvConf: ""))
        return try LogPlan(Configuration.read(text).configuration) { target throws(StartError) in try names.place(of: target) }
    }

    private func lines(_ receiver: OpenFile) throws -> Int {
        var count = 0
        while try Sockets.receive(receiver.raw, upTo: 4096) != nil { count += 1 }
        return count
    }

    private func log(_ plan: LogPlan) throws -> AgentLog {
        try AgentLog(plan, process: SharedCells<ProcessCell>(count: 1) { _ in ProcessCell() }, logsToTerminal: false, reactor: try Reactor())
    }

    private func clean() {
        unlink(inside)
        rmdir(root.path + folder.path)
        rmdir(root.path + "/tmp")
    }

    @Test("is connected before chroot, so that a hidden path does not matter afterwards")
    func hidden() throws {
        defer { clean() }
        let daemon = try receiver(path)
        let plan = try plan()
        #expect(plan.destinations.count == 2 && plan.missingPaths(root: root.path).isEmpty)
        #expect(plan.connect(root: root.path).isEmpty)
        unlink(path)
        let log = try log(plan)
        log.write(.alert, "one")
        log.write(.info, "two")
        #expect(try lines(daemon) == 3, "both lines of the first target, and the alert of the second")
    }

    @Test("is the one inside the new root, if there is one, as in HAProxy")
    func insideFirst() throws {
        defer { clean() }
        let outside = try receiver(path)
        let daemon = try receiver(inside)
        let plan = try plan()
        #expect(plan.connect(root: root.path).isEmpty)
        try log(plan).write(.alert, "one")
        #expect(try lines(daemon) == 2 && lines(outside) == 0)
    }

    @Test("is reconnected after a restart of the daemon, if the path leads to it")
    func restarted() throws {
        defer { clean() }
        var daemon = try receiver(path)
        let plan = try plan()
        #expect(plan.connect(root: nil).isEmpty)
        let log = try log(plan)
        log.write(.alert, "one")
        #expect(try lines(daemon) == 2)
        daemon = try receiver(path)
        log.write(.alert, "two")
        #expect(try lines(daemon) == 2)
    }

    @Test("causes a warning at the start when it is missing, and gets lines once it exists")
    func missing() throws {
        defer { clean() }
        let plan = try plan()
        #expect(plan.missingPaths(root: nil) == [path] && plan.missingPaths(root: root.path) == [path])
        let failures = plan.connect(root: root.path)
        #expect(failures.map(\.path) == [path] && failures.first?.error == SystemError("connect", code: ENOENT))
        let log = try log(plan)
        log.write(.alert, "lost")
        let daemon = try receiver(path)
        log.write(.alert, "one")
        #expect(try lines(daemon) == 2)
    }
}
