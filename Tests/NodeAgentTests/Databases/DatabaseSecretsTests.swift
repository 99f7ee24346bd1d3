import Glibc
import LinuxIO
import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("A database user's password")
struct DatabaseSecretsTests {
    private static let secret = "correct horse battery staple"
    /// The location of the keyword, two lines below its section.
    private static let line = ConfigurationLocation(file: "tsukada.cfg", line: 5)

    /// The result of start-up with a file with this text and these permissions.
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

    @Test("is the one line of a file that not all users may read")
    func reads() throws {
        for text in [Self.secret, Self.secret + "\n", Self.secret + "\r\n"] {
            let access = try #require(try open(text, permissions: 0o640).get())
            #expect(access.login.password.bytes == Array(Self.secret.utf8) && access.login.user == "check")
        }
        #expect(try access(nil).get()?.login.password.bytes == [])
    }

    @Test("that all users may read, or that is malformed, prevents the start, and never appears in a message")
    func refuses() throws {
        let open = try problem(Self.secret, permissions: 0o644)
        #expect(
            open.contains("tsukada.cfg:5: database mysql: password-file /tmp/tsk-password-") && open.contains("other users of this machine can access the file")
        )
        #expect(open.contains("chmod 600"))
        #expect(try problem("\n").contains("the file is empty"))
        #expect(try problem("\(Self.secret)\n\(Self.secret)\n").contains("more than one line"))
        #expect(try problem(String(repeating: "x", count: 4_000)).contains("a password has at most 213 bytes"))
        #expect(try problem("a\0b").contains("and no zero byte"))
        for text in [open, try problem("\(Self.secret)\n\(Self.secret)\n")] { #expect(!text.contains(Self.secret)) }
        guard case .failure(let missing) = access("/nowhere/password"), case .failure(let folder) = access("/tmp") else {
            Issue.record("an unreadable file was accepted")
            return
        }
        #expect(missing.description.contains("password-file /nowhere/password: ") && folder.description.contains("it is a directory, not a regular file"))
    }

    @Test("is not read for a proxy that is 'disabled'")
    func disabled() throws {
        var backend = Backend(name: "mysql", identifier: 2)
        backend.isDisabled = true
        backend.database = DatabaseSettings(user: "check", location: ConfigurationLocation(file: "tsukada.cfg", line: 3))
        backend.database?.passwordFile = DatabaseSettings.NamedFile(path: "/nowhere/password", location: Self.line)
        #expect(try StartDatabases(owner: FileOwner(user: 0, group: 0)).open([backend]).first.map { $0 == nil } == true)
    }

    @Test("that cannot be read does not prevent a restart after a worker's death")
    func afterDeath() throws {
        var backend = Backend(name: "mysql", identifier: 2)
        backend.database = DatabaseSettings(user: "check", location: ConfigurationLocation(file: "tsukada.cfg", line: 3))
        var other = backend
        backend.database?.passwordFile = DatabaseSettings.NamedFile(path: "/nowhere/password", location: Self.line)
        other.name = "other"
        var reports: [String] = []
        let accesses = StartDatabases(owner: FileOwner(user: 0, group: 0)).openForRestart([backend, other]) { reports.append($0) }
        #expect(accesses.map { $0 != nil } == [false, true])
        #expect(reports.count == 1 && reports.first?.hasPrefix("tsukada.cfg:5: database mysql: password-file /nowhere/password: ") == true, "\(reports)")
    }

    @Test("is refused together with a certificate file that contains no certificate")
    func authorities() throws {
        var backend = Backend(name: "mysql", identifier: 2)
        backend.database = DatabaseSettings(user: "check", location: ConfigurationLocation(file: "tsukada.cfg", line: 3))
        backend.database?.authorityFile = DatabaseSettings.NamedFile(path: "/etc/hostname", location: Self.line)
        do throws(StartError) {
            _ = try StartDatabases(owner: FileOwner(user: 0, group: 0)).open([backend])
            Issue.record("a host's name was accepted as a certificate")
        } catch {
            #expect(error.description.hasPrefix("tsukada.cfg:5: database mysql: ca-file /etc/hostname: no certificate in it: "), "\(error)")
        }
    }

    @Test("appears in no textual form of the access")
    func isHidden() throws {
        let access = try #require(try open(Self.secret, permissions: 0o600).get())
        var text = "\(access) \(access.login) \(String(reflecting: access.login))"
        dump(access, to: &text)
        #expect(!text.contains(Self.secret))
    }
}
