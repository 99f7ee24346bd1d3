import Glibc
import Gossip
import LinuxIO
import Seals
import Support
import Testing
import Wire

@testable import NodeAgent

@Suite("tsukada keys")
struct KeyCommandTests {
    private let folder: TemporaryFolder
    private let path: String
    private let socket: String
    private static let (first, second) = (TestKey.text(1), TestKey.text(2))

    init() throws {
        folder = try TemporaryFolder()
        path = try folder.write("k", "# ring\n\(TestKey.text(1))\n")
        socket = "\(folder.path)/s"
    }

    private func management(timeout: Duration = .seconds(10)) throws -> KeyManagement {
        KeyManagement(file: KeyFile(path: path), node: RuntimeClient(path: socket, timeout: timeout), seal: try OpenSSLSeal())
    }

    private func run(_ command: KeyCommand, input: String = "") throws -> KeyOutcome { try management().run(command, input: Array(input.utf8)) }

    private func name(_ number: UInt8) throws -> String { Hexadecimal.text(try TestKey.identifier(number), digits: 8) }

    @Test("rotates a key in the node and in its file alike")
    func rotates() throws {
        let node = try StubNode(path: socket) { $0 == "show gossip keys" ? "# key in_use nodes\nab 1 -\n\n" : "\n" }
        let installed = try run(.install, input: "# new\n\(Self.second.uppercased())\n")
        #expect(installed.errorText == nil)
        #expect(installed.output.hasPrefix("key \(try name(2)) is installed on the node and in \(path); "))
        #expect(try folder.text("k") == "# ring\n\(Self.first)\n\(Self.second)\n")
        #expect(try run(.list) == KeyOutcome(output: "# key in_use nodes\nab 1 -\n"))
        #expect(try run(.use(TestKey.identifier(2))).errorText == nil)
        #expect(try folder.text("k") == "# ring\n\(Self.second)\n\(Self.first)\n")
        #expect(try run(.remove(TestKey.identifier(1))).errorText == nil)
        #expect(try folder.text("k") == "# ring\n\(Self.second)\n")
        #expect(
            node.lines == [
                "install gossip key \(Self.second)", "show gossip keys", "use gossip key \(try name(2))", "remove gossip key \(try name(1))",
            ])
        #expect(folder.names == ["k", "s"])
    }

    @Test("may be repeated without effect")
    func repeats() throws {
        let node = try StubNode(path: socket) { _ in "\n" }
        for _ in 0..<2 { #expect(try run(.install, input: Self.second).errorText == nil) }
        for _ in 0..<2 { #expect(try run(.use(TestKey.identifier(2))).errorText == nil) }
        for _ in 0..<2 { #expect(try run(.remove(TestKey.identifier(1))).errorText == nil) }
        #expect(node.lines.count == 6)
        #expect(try folder.text("k") == "# ring\n\(Self.second)\n")
    }

    @Test("changes nothing when the node refuses, and shows no key that the node's answer repeats")
    func refused() throws {
        let node = try StubNode(path: socket) { "Unknown command: '\($0)'.\n\n" }
        let installed = try run(.install, input: Self.second)
        #expect(installed == KeyOutcome(errorText: "the node refuses: Unknown command: 'install gossip key ...'.; nothing is changed"))
        _ = try folder.write("k", "\(Self.first)\n\(Self.second)\n")
        let id = try name(2)
        #expect(try run(.use(TestKey.identifier(2))).errorText == "the node refuses: Unknown command: 'use gossip key \(id)'.; nothing is changed")
        #expect(try run(.remove(TestKey.identifier(2))).errorText?.hasSuffix("nothing is changed") == true)
        #expect(try folder.text("k") == "\(Self.first)\n\(Self.second)\n")
        #expect(folder.names == ["k", "s"])
        #expect(node.lines.count == 3)
    }

    @Test("changes only the file while the node does not run, reports that, and fails; a removal requires the node", arguments: [true, false])
    func notRunning(hasSocket: Bool) throws {
        if hasSocket {
            let listener = try Sockets.open(.stream, for: .unix(socket))
            try Sockets.bind(listener.raw, to: .unix(socket))
        }
        let reason = hasSocket ? "Connection refused" : "No such file or directory"
        let down = "the node is not running (\(socket): \(reason))"
        let installed = try run(.install, input: Self.second)
        #expect(installed == KeyOutcome(errorText: "\(down): key \(try name(2)) is installed in \(path) only, and takes effect when the node starts"))
        #expect(try folder.text("k") == "# ring\n\(Self.first)\n\(Self.second)\n")
        #expect(try run(.use(TestKey.identifier(2))).errorText?.hasPrefix("\(down): key \(try name(2)) is selected for sending in") == true)
        #expect(try folder.text("k") == "# ring\n\(Self.second)\n\(Self.first)\n")
        #expect(
            try run(.remove(TestKey.identifier(1))).errorText
                == "\(down), and only a running node knows which keys the others hold: start it first; nothing is changed")
        #expect(try folder.text("k") == "# ring\n\(Self.second)\n\(Self.first)\n")
        let list = try run(.list)
        #expect(list.output == "# key\n\(try name(2))\n\(try name(1))\n")
        #expect(list.errorText == "\(down): these are the keys of \(path); the first one is used for sending")
    }

    @Test("does not ask the node when the file cannot take the change")
    func fileFirst() throws {
        let node = try StubNode(path: socket) { _ in "\n" }
        #expect(try run(.use(7)).errorText == "\(path): no such key; 'tsukada keys list' shows the ids; nothing is changed")
        #expect(try run(.remove(TestKey.identifier(1))).errorText?.contains("run 'tsukada keys use' with another one first; nothing is changed") == true)
        for input in ["correct horse", "", "\(Self.first)\n\(Self.second)", "\(Self.first)0", String(Self.first.dropLast())] {
            #expect(try run(.install, input: input).errorText?.hasPrefix("'install' needs one key on stdin, a line of 64 hexadecimal digits") == true)
        }
        _ = try folder.write("k", "\(Self.first)\n", mode: 0o644)
        #expect(try run(.install, input: Self.second).errorText == "\(path): users other than its owner have access (mode 644); run 'chmod 600 \(path)'")
        #expect(node.lines.isEmpty)
    }

    @Test("gives up on a silent node, and leaves the file unchanged")
    func silent() throws {
        let node = try StubNode(path: socket) { _ in nil }
        let outcome = try management(timeout: .milliseconds(100)).run(.install, input: Array(Self.second.utf8))
        #expect(outcome.errorText == "cannot reach the node at \(socket): poll: Connection timed out; \(path) is unchanged")
        #expect(try folder.text("k") == "# ring\n\(Self.first)\n")
        #expect(node.lines.count == 1)
    }

    @Test("takes the first admin socket that is a path, and reports what is missing")
    func surroundings() throws {
        func management(_ text: String) throws -> KeyManagement {
            let (configuration, diagnostics) = Configuration.read(text)
            try #require(Configuration.alerts(diagnostics).isEmpty)
            return try KeyProgram.management(configuration)
        }
        let gossip = "gossip a\n node a 10.0.0.1:1\n node b 10.0.0.2:1\n key-file /k\n"
        let sockets = "global\n stats socket /u level user\n stats socket 127.0.0.1:9 level admin\n stats socket /a level admin\n stats socket /b level admin\n"
        #expect(try management(sockets + gossip).node.path == "/a")
        #expect(try management(sockets + gossip).file.path == "/k")
        #expect(throws: StartError("no runtime socket to reach the node: add 'stats socket /var/run/tsukada.sock level admin' to 'global' and restart it")) {
            _ = try management("global\n stats socket 127.0.0.1:9\n" + gossip)
        }
        #expect(throws: StartError("no section 'gossip': add the file that contains it with '-f'")) { _ = try management(sockets) }
        #expect(throws: StartError("t.cfg:1: section 'gossip a' has no 'key-file': nodes on loopback addresses need no keys")) {
            _ = try management("gossip a\n node a 127.0.0.1:1\n node b 127.0.0.2:1\n" + sockets)
        }
    }

    @Test("exits with 0 on success and with 1 on failure")
    func exitCodes() throws {
        let text = "global\n stats socket \(socket) level admin\ngossip a\n node a 10.0.0.1:1\n node b 10.0.0.2:1\n key-file \(path)\n"
        let file = try folder.write("t.cfg", text)
        let node = try StubNode(path: socket) { $0.hasPrefix("use") ? "\n" : "no\n" }
        let (first, second) = (try name(1), try name(2))
        #expect(Startup.run(arguments: ["keys", "-f", file, "use", first], environment: [:]) == 0)
        #expect(Startup.run(arguments: ["keys", "-f", file, "use", second], environment: [:]) == 1)
        #expect(Startup.run(arguments: ["keys", "remove", second, "-f", file], environment: [:]) == 1)
        #expect(Startup.run(arguments: ["keys", "-f", file + ".missing", "list"], environment: [:]) == 1)
        #expect(node.lines == ["use gossip key \(first)", "remove gossip key \(second)"])
    }
}

@Suite("The command line of keys")
struct KeyCommandLineTests {
    @Test("has the command first, and -f anywhere after it")
    func commands() throws {
        #expect(try CommandLineOptions.parse(["keygen"]).action == .makeKey)
        let options = try CommandLineOptions.parse(["keys", "-f", "a.cfg", "use", "00aB12cd", "-f", "b.cfg"])
        #expect(options.action == .keys(.use(0x00ab_12cd)) && options.configurations == ["a.cfg", "b.cfg"])
        #expect(try CommandLineOptions.parse(["keys", "list", "-f", "a"]).action == .keys(.list))
        #expect(try CommandLineOptions.parse(["keys", "-f", "a", "install"]).action == .keys(.install))
        #expect(try CommandLineOptions.parse(["keys", "-f", "a", "remove", "ffffffff"]).action == .keys(.remove(.max)))
        for line in [["-h"], ["--help"], ["-c", "-h"], ["keys", "-h"], ["keygen", "--help"]] {
            #expect(try CommandLineOptions.parse(line).action == .help)
        }
    }

    @Test(
        "is refused with a reason that repeats no argument",
        arguments: [
            (["keygen", "4"], CommandLineError.surplus(of: "keygen")), (["keys"], .unknownKeyCommand), (["keys", "-f"], .missingValue("-f")),
            (["keys", "lst", "-f", "a"], .unknownKeyCommand), (["keys", "list"], .noConfiguration),
            (["keys", "-f", "a", "list", "x"], .surplus(of: "keys list")),
            (["keys", "-f", "a", "install", TestKey.text(1)], .keyOnCommandLine), (["keys", "-f", "a", "use"], .badKeyIdentifier(of: "use")),
            (["keys", "-f", "a", "use", TestKey.text(1)], .badKeyIdentifier(of: "use")),
            (["keys", "-f", "a", "remove", "abc"], .badKeyIdentifier(of: "remove")),
            (["keys", "-f", "a", "remove", "0x12345678"], .badKeyIdentifier(of: "remove")),
            (["keys", "-f", "a", "use", "+1234567"], .badKeyIdentifier(of: "use")),
            (["keys", "-f", "a", "use", "12345678", "x"], .surplus(of: "keys use ID")), (["keys", TestKey.text(1), "-f", "a"], .unknownKeyCommand),
        ])
    func errors(arguments: [String], error: CommandLineError) {
        #expect(throws: error) { try CommandLineOptions.parse(arguments) }
        #expect(!error.description.contains(TestKey.text(1)))
    }
}
