import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("The lines about external checks")
struct ConfigurationExternalCheckTests {
    private static let timeouts = "    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\n"

    private func read(global: String = "external-check", _ lines: [String], defaults: [String] = []) -> (backend: Backend?, diagnostics: [Diagnostic]) {
        let text = """
            global
                \(global)
            defaults
            \(Self.timeouts)\(defaults.map { "    \($0)\n" }.joined())
            listen a
                bind 127.0.0.1:9
                server s 127.0.0.1:8 check
            \(lines.map { "    \($0)\n" }.joined())

            """
        let (configuration, diagnostics) = Configuration.read(text)
        return (configuration.backends.first, diagnostics)
    }

    @Test("set the program, its PATH and the permission")
    func sets() throws {
        let (backend, diagnostics) = read(["external-check path /usr/bin:/bin", "external-check command check", "option external-check"])
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        #expect(backend?.check == .external)
        #expect(backend?.externalProgram?.command == "check" && backend?.externalProgram?.path == "/usr/bin:/bin")
        let permissions: [(String, GlobalSettings.ExternalChecks)] = [
            ("", .refused), ("external-check", .cleanEnvironment), ("external-check preserve-env", .keptEnvironment),
        ]
        for (line, permission) in permissions { #expect(Configuration.read("global\n \(line)\n").configuration.global.externalChecks == permission) }
    }

    @Test("are inherited from 'defaults', each by itself")
    func inherits() {
        let all = ["option external-check", "external-check command /bin/a", "external-check path /bin"]
        for taken in 0...all.count {
            let (backend, diagnostics) = read(Array(all.dropFirst(taken)), defaults: Array(all.prefix(taken)))
            #expect(diagnostics.isEmpty, "\(diagnostics)")
            #expect(backend?.externalProgram?.command == "/bin/a" && backend?.externalProgram?.path == "/bin")
        }
        let (backend, _) = read(["external-check command /bin/b"], defaults: all)
        #expect(backend?.externalProgram?.command == "/bin/b")
    }

    @Test("are not taken for the line of 'global' if they are misspelled or incomplete")
    func misspelled() {
        let cases: [(line: String, problem: ConfigurationProblem)] = [
            (
                "external-check comand /bin/true",
                .unknownWord("comand", of: "external-check", allowed: ["command", "path"], suggestion: "command")
            ), ("external-check", .missingArgument(of: "external-check", shape: "command|path")),
        ]
        for (line, problem) in cases {
            #expect(read([line]).diagnostics.filter { $0.severity == .alert }.map(\.problem) == [problem])
        }
        let frontend = Configuration.read("frontend f\n bind 127.0.0.1:9\n timeout client 1s\n external-check preserve-env\n").diagnostics
        #expect(frontend.contains { $0.problem == .misplaced("external-check", places: "a section 'global'") }, "\(frontend)")
    }

    @Test("have no effect if a later line sets another check")
    func lastCheckWins() {
        let lines = ["external-check command /bin/a", "option external-check", "option mysql-check"]
        for global in ["external-check", "maxconn 5"] {
            let (backend, diagnostics) = read(global: global, lines)
            #expect(backend?.check == .mysql(MySQLCheckSettings()) && backend?.externalProgram == nil)
            #expect(diagnostics.isEmpty, "\(diagnostics)")
        }
    }

    @Test("are refused without the permission of 'global'")
    func permission() {
        let (_, diagnostics) = read(global: "maxconn 5", ["external-check command /bin/a", "option external-check"])
        #expect(
            diagnostics.map(\.description) == [
                "t.cfg:12: 'option external-check' without permission in section 'listen a'; "
                    + "programs run only where this is allowed: write 'external-check' in section 'global'"
            ])
    }

    @Test("are refused without a program, and with a name but no PATH")
    func program() {
        #expect(read(["option external-check"]).diagnostics.map(\.problem) == [.missingLine(of: "external-check command", example: Self.example)])
        #expect(
            read(["external-check path /bin", "option external-check"]).diagnostics.map(\.problem)
                == [.missingLine(of: "external-check command", example: Self.example)])
        let expected = "an absolute path, or add a line such as 'external-check path /usr/bin:/bin'"
        #expect(
            read(["external-check command check", "option external-check"]).diagnostics.map(\.problem)
                == [.badValue("check", of: "external-check command", expected: expected)])
        #expect(read(global: "maxconn 5", ["option external-check"]).diagnostics.count == 2, "both problems are reported")
    }

    private static let example = "external-check command /usr/local/bin/CHECK"

    @Test("cause a warning if nothing uses them")
    func unused() {
        for (line, keyword) in [("external-check command /bin/a", "external-check command"), ("external-check path /bin", "external-check path")] {
            for (lines, defaults) in [([line], []), ([], [line])] as [([String], [String])] {
                let (backend, diagnostics) = read(lines, defaults: defaults)
                let advice = "only 'option external-check' uses it: add that line, or remove this one"
                #expect(diagnostics.map(\.problem) == [.noEffect(keyword, advice: advice)] && diagnostics.first?.severity == .warning)
                #expect(backend?.externalProgram == nil)
            }
        }
    }

    @Test("are checked even if a proxy is unused, but not if it is disabled")
    func disabled() {
        #expect(read(["option external-check", "disabled"]).diagnostics.isEmpty)
    }

    @Test(
        "have no 'no', and no further words",
        arguments: ["no option external-check", "no external-check command /bin/a", "option external-check x", "external-check command /bin/a x"])
    func refused(line: String) { #expect(read([line]).diagnostics.contains { $0.severity == .alert }) }

    @Test("in 'global' have no further words; 'insecure-fork-wanted' is accepted, also with 'no'")
    func global() {
        for line in ["external-check x", "no external-check", "external-check preserve-env x", "insecure-fork-wanted x"] {
            #expect(Configuration.read("global\n \(line)\n").diagnostics.contains { $0.severity == .alert }, "\(line)")
        }
        for line in ["insecure-fork-wanted", "no insecure-fork-wanted"] {
            #expect(Configuration.read("global\n \(line)\n").diagnostics.isEmpty, "\(line)")
        }
    }

    @Test("name a program that -c and the start find missing, also inside 'chroot'")
    func missing() {
        func missing(_ global: String, _ lines: String) -> [String] {
            let text = "global\n \(global)\nbackend b\n option external-check\n \(lines)\n server s 127.0.0.1:8 check\n"
            return StartExternalChecks.missing(Configuration.read(text).configuration)
        }
        #expect(missing("external-check", "external-check command /bin/sh").isEmpty)
        #expect(missing("external-check", "external-check command sh\n external-check path /nonexistent:/bin").isEmpty)
        #expect(missing("external-check\n chroot /", "external-check command /bin/sh").isEmpty)
        #expect(
            missing("external-check", "external-check command /etc/passwd") == [
                "t.cfg:5: 'external-check command /etc/passwd': no executable file; create it and make it executable"
            ])
        #expect(
            missing("external-check\n chroot /proc", "external-check command /bin/sh") == [
                "t.cfg:6: 'external-check command /bin/sh': no executable file in '/proc', the root of programs; "
                    + "copy it there, with its interpreter and its libraries"
            ])
    }
}
