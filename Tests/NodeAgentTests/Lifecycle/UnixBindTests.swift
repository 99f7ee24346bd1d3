import Glibc
import LinuxIO
import Testing

@testable import NodeAgent

@Suite("The path of a 'bind'")
struct UnixBindTests {
    /// The path of this test's sockets in /tmp, without its last character.
    private let path = "/tsukada-unix-bind-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    /// Only root can give a file away.
    private let user = geteuid() == 0 ? 54_321 : geteuid()
    private let group = geteuid() == 0 ? 54_322 : getegid()

    private func sockets() -> StartSockets {
        StartSockets(
            names: NameResolution(lookup: NameLookup()), threads: 2,
            accounts: AccountFiles(passwd: "alice:x:\(user):\(group)::/:/bin/sh\n", group: "staff:x:\(group):\n"), inherited: InheritedSockets())
    }

    private func configuration(_ options: String) -> AgentConfiguration {
        Configuration.read("global\n unix-bind prefix /tmp \(options)\nfrontend f\n bind \(path)a\n bind \(path)b mode 640\n").configuration
    }

    /// The status of a path; `nil` if there is no file.
    private func status(_ path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
    }

    @Test("begins with the prefix of 'unix-bind', and the file has its mode and owners")
    func opens() throws {
        var sockets = self.sockets()
        let paths = ["a", "b"].map { "/tmp\(path)\($0)" }
        defer { for path in paths { unlink(path) } }
        let listeners = try sockets.listeners(configuration("mode 600 user alice group staff"), sessionsMax: 10)
        #expect(listeners.map(\.count) == [2, 2])
        let found = paths.map(status)
        #expect(found.map { $0.map { $0.st_mode & 0o7777 } } == [0o600, 0o640])
        #expect(found.allSatisfy { $0?.st_uid == user && $0?.st_gid == group })
    }

    @Test("needs the accounts of 'unix-bind' even without a path, and names its line")
    func requiredAccounts() throws {
        let accounts = AccountFiles(passwd: "alice:x:1:1::/:/bin/sh\n", group: "staff:x:1:\n")
        func check(_ options: String) throws {
            try Configuration.read("global\n unix-bind \(options)\n").configuration.global.unixBind.requireAccounts(accounts)
        }
        try check("user alice group staff")
        try check("uid 7 gid 7 mode 600")
        for (options, account) in [("user bob", "user 'bob'"), ("group wheel", "group 'wheel'")] {
            let error = #expect(throws: StartError.self) { try check(options) }
            #expect(error.map { "\($0)".hasPrefix("t.cfg:2: 'unix-bind': no \(account)") } == true, "\(String(describing: error))")
        }
    }

    @Test("needs an account that the machine has", arguments: ["user bob", "group wheel"])
    func unknown(option: String) throws {
        var (checked, opened) = (self.sockets(), self.sockets())
        #expect(throws: StartError.self) { try checked.check(configuration(option)) }
        #expect(throws: StartError.self) { try opened.listeners(configuration(option), sessionsMax: 10) }
        #expect(status("/tmp\(path)a") == nil)
    }
}
