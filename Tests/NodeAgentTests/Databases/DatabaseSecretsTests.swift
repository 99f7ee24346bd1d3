import Glibc
import LinuxIO
import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("A database user's password")
struct DatabaseSecretsTests {
    private static let secret = "correct horse battery staple"
    /// Of the keyword, two lines below its section.
    private static let line = ConfigurationLocation(file: "tsukada.cfg", line: 5)

    /// What start-up makes of a file with this text and these permissions.
    private func open(_ text: String, permissions: UInt32) throws -> Result<DatabaseAccess?, StartError> {
        var path = Array("/tmp/tsk-password-XXXXXX".utf8CString)
        let raw = mkstemp(&path)
        try #require(raw >= 0)
        let name = String(decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer {
            close(raw)
            unlink(name)
        }
        try Files.write(Array(text.utf8)[...], to: raw)
        try #require(fchmod(raw, permissions) == 0)
        return access(name)
    }

    private func access(_ path: String?) -> Result<DatabaseAccess?, StartError> {
        var backend = Backend(name: "mysql", identifier: 2)
        var settings = DatabaseSettings(user: "check", location: ConfigurationLocation(file: "tsukada.cfg", line: 3))
        settings.passwordFile = path.map { DatabaseSettings.NamedFile(path: $0, location: Self.line) }
        backend.database = settings
        do throws(StartError) {
            return .success(try StartDatabases(owner: FileOwner(user: 0, group: 0)).open([backend]).first ?? nil)
        } catch {
            return .failure(error)
        }
    }

    private func problem(_ text: String, permissions: UInt32 = 0o600) throws -> String {
        guard case .failure(let error) = try open(text, permissions: permissions) else { return "" }
        return error.description
    }

    @Test("is the one line of a file that not everybody may read")
    func reads() throws {
        for text in [Self.secret, Self.secret + "\n", Self.secret + "\r\n"] {
            let access = try #require(try open(text, permissions: 0o640).get())
            #expect(access.login.password.bytes == Array(Self.secret.utf8) && access.login.user == "check")
        }
        #expect(try access(nil).get()?.login.password.bytes == [])
    }

    @Test("that everybody may read, or that is none, keeps the agent from starting, and is never said")
    func refuses() throws {
        let open = try problem(Self.secret, permissions: 0o644)
        #expect(open.contains("tsukada.cfg:5: database mysql: password-file /tmp/tsk-password-") && open.contains("everybody on this machine may read it"))
        #expect(open.contains("chmod 600"))
        #expect(try problem("\n").contains("it is empty"))
        #expect(try problem("\(Self.secret)\n\(Self.secret)\n").contains("more than one line"))
        #expect(try problem(String(repeating: "x", count: 4_000)).contains("a password has at most 213 bytes"))
        #expect(try problem("a\0b").contains("no zero byte"))
        for text in [open, try problem("\(Self.secret)\n\(Self.secret)\n")] { #expect(!text.contains(Self.secret)) }
        guard case .failure(let missing) = access("/nowhere/password"), case .failure(let folder) = access("/tmp") else {
            Issue.record("a file that is none was read")
            return
        }
        #expect(missing.description.contains("password-file /nowhere/password: ") && folder.description.contains("it is no regular file"))
    }

    @Test("is not looked for where nothing is asked: a proxy that is 'disabled'")
    func disabled() throws {
        var backend = Backend(name: "mysql", identifier: 2)
        backend.isDisabled = true
        backend.database = DatabaseSettings(user: "check", location: ConfigurationLocation(file: "tsukada.cfg", line: 3))
        backend.database?.passwordFile = DatabaseSettings.NamedFile(path: "/nowhere/password", location: Self.line)
        #expect(try StartDatabases(owner: FileOwner(user: 0, group: 0)).open([backend]).first.map { $0 == nil } == true)
    }

    @Test("that cannot be read keeps no process from the place of one that has died")
    func afterDeath() throws {
        var backend = Backend(name: "mysql", identifier: 2)
        backend.database = DatabaseSettings(user: "check", location: ConfigurationLocation(file: "tsukada.cfg", line: 3))
        var other = backend
        backend.database?.passwordFile = DatabaseSettings.NamedFile(path: "/nowhere/password", location: Self.line)
        other.name = "other"
        var told: [String] = []
        let accesses = StartDatabases(owner: FileOwner(user: 0, group: 0)).openAfterDeath([backend, other]) { told.append($0) }
        #expect(accesses.map { $0 != nil } == [false, true])
        #expect(told.count == 1 && told.first?.hasPrefix("tsukada.cfg:5: database mysql: password-file /nowhere/password: ") == true, "\(told)")
    }

    @Test("goes with a file of certificates that is named when it has none")
    func authorities() throws {
        var backend = Backend(name: "mysql", identifier: 2)
        backend.database = DatabaseSettings(user: "check", location: ConfigurationLocation(file: "tsukada.cfg", line: 3))
        backend.database?.authorityFile = DatabaseSettings.NamedFile(path: "/etc/hostname", location: Self.line)
        do throws(StartError) {
            _ = try StartDatabases(owner: FileOwner(user: 0, group: 0)).open([backend])
            Issue.record("a host's name was taken for a certificate")
        } catch {
            #expect(error.description.hasPrefix("tsukada.cfg:5: database mysql: ca-file /etc/hostname: no certificate in it: "), "\(error)")
        }
    }

    @Test("stands in no text that is made of what was read")
    func isHidden() throws {
        let access = try #require(try open(Self.secret, permissions: 0o600).get())
        var text = "\(access) \(access.login) \(String(reflecting: access.login))"
        dump(access, to: &text)
        #expect(!text.contains(Self.secret))
    }
}

@Suite("'show database'")
struct DatabaseOverviewTests {
    @Test("tells what each server is, and why it is fit or not")
    func table() throws {
        var backend = Backend(name: "mysql", identifier: 2)
        let location = ConfigurationLocation(file: "haproxy.cfg", line: 1)
        for name in ["read01", "read02", "read03"] {
            var server = Server(name: name, identifier: 1, endpoint: .ip(.v4(0x7f00_0001), port: 3306), port: .fixed(3306), location: location)
            server.check = CheckSettings()
            backend.servers.append(server)
        }
        var settings = DatabaseSettings(user: "check", location: location)
        (settings.role, settings.lagMax) = (.replica, .seconds(10))
        backend.database = settings
        var now = Instant(nanoseconds: 1_000_000_000)
        var watch = DatabaseWatch(settings, names: backend.servers.map(\.name), choices: [1, 2, 3], memory: { _ in nil }, writer: nil, now: now)
        var lagging = DatabaseView(version: "10.11.6-MariaDB", isReadOnly: true)
        lagging.channels = [ReplicationChannel(lag: .seconds(37))]
        var stopped = lagging
        stopped.channels = [ReplicationChannel(applier: .stopped, applierError: DatabaseComplaint(code: 1062, text: "Duplicate entry"))]
        watch.take(.seen(lagging), of: 0, now: now)
        watch.take(.seen(stopped), of: 1, now: now)
        watch.take(.refused(DatabaseComplaint(code: 1045, text: "Access denied")), of: 2, now: now)
        let circumstances = Array(repeating: DatabaseWatch.Circumstances(isRunning: true, isAvailable: true), count: 3)
        let outcome = watch.decide(circumstances, peers: .heard([]), now: now)
        var registry = ServerRegistry(backends: [backend], now: now) { ServerRegistry.numericAddress(of: backend.servers[$0.server]) }
        for (place, fitness) in outcome.fitness.enumerated() {
            _ = registry.apply(.setFitness(fitness), to: ServerReference(backend: 0, server: place), now: now) { _ in ServerLoad() }
        }
        now = now.advanced(by: .seconds(4))
        let overview = DatabaseOverview(sections: [.init(proxy: backend, watch: watch, registry: registry, backend: 0)], now: now)
        #expect(
            overview.text(of: "mysql")?.whole() == """
                Database: mysql
                User: check
                TLS: prefer
                Role: replica
                Max_lag: 10s
                Alarm: 1 of 3 servers do not answer user 'check': error 1045 Access denied
                # server role read_only lag_s threads version seen_s fit since_s error reason
                read01 replica ON 37 io:running,sql:running 10.11.6-MariaDB 4 no 4 - replication lag 37s > 10s
                read02 replica ON - io:running,sql:stopped 10.11.6-MariaDB 4 no 4 1062 replica SQL thread stopped: error 1062 Duplicate entry
                read03 unknown - - - - - yes 4 - error 1045 Access denied

                """)
        #expect(overview.text(of: "other")?.whole() == nil)
    }
}
