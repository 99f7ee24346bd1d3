import Glibc
import LinuxIO
import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("A file that is not a regular one", .timeLimit(.minutes(2)))
struct OddFilesTests {
    private static let proxy =
        "defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nlisten a\n bind 127.0.0.1:9\n server s 127.0.0.1:9 check\n"

    /// A folder with a pipe without a writer, a socket, a folder and a device, by name.
    private static func odd() throws -> (folder: TemporaryFolder, paths: [String]) {
        let folder = try TemporaryFolder()
        let (pipe, socket) = ("\(folder.path)/pipe", "\(folder.path)/socket")
        try #require(mkfifo(pipe, 0o600) == 0)
        let listener = try Sockets.open(.stream, for: .unix(socket))
        try Sockets.bind(listener.raw, to: .unix(socket))
        return (folder, [pipe, socket, folder.path, "/dev/zero"])
    }

    @Test("is not read, and never blocks")
    func reader() throws {
        let (folder, paths) = try Self.odd()
        let errors = paths.map { path in #expect(throws: FileError.self, "\(path)") { try Files.read(path, bytesMax: 100) } }
        #expect(errors[0] == .notRegular(.pipe) && errors[2] == .notRegular(.folder) && errors[3] == .notRegular(.device))
        #expect(errors[0]?.description == "it is a named pipe, not a regular file: write the path of a regular file")
        #expect(try Files.read("/dev/null", bytesMax: 100) == [])
        let long = try folder.write("long", String(repeating: "x", count: 101))
        #expect(throws: FileError.tooLong(bytesMax: 100)) { try Files.read(long, bytesMax: 100) }
        #expect(try Files.read(long, bytesMax: 101).count == 101)
    }

    @Test("is an error by its name, with -f and in a folder of configuration files; a folder there is skipped")
    func configurationFiles() throws {
        let (folder, paths) = try Self.odd()
        for path in paths where path != folder.path {
            #expect(throws: ConfigurationFiles.LoadError.self, "\(path)") { try ConfigurationFiles.load([path]) }
        }
        let good = try folder.write("a.cfg", Self.proxy)
        #expect(try ConfigurationFiles.load([folder.path]).map(\.name) == [good])
        let pipe = "\(folder.path)/b.cfg"
        try #require(mkfifo(pipe, 0o600) == 0)
        let error = #expect(throws: ConfigurationFiles.LoadError.self) { try ConfigurationFiles.load([folder.path]) }
        #expect(error?.description == "\(pipe): it is a named pipe, not a regular file: write the path of a regular file")
        #expect(Startup.run(arguments: ["-c", "-q", "-f", folder.path], environment: [:]) == 1)
    }

    @Test(
        "is an error with -c in place of every file that an option names",
        arguments: [
            "database a\n user u\n password-file PATH\n", "gossip g\n node one 127.0.0.1:7946\n node two 127.0.0.2:7946\n key-file PATH\n",
        ])
    func options(section: String) throws {
        let (folder, paths) = try Self.odd()
        let good = try folder.write("good", String(repeating: "0123456789abcdef", count: 4) + "\n")
        for path in paths + [good] {
            let file = try folder.write("a.cfg", Self.proxy + section.replacing("PATH", with: path))
            #expect(Startup.run(arguments: ["-c", "-q", "-L", "one", "-f", file], environment: [:]) == (path == good ? 0 : 1), "\(path)")
        }
    }

    @Test("costs a start only the content of the file: state files, hosts, resolv.conf")
    func start() throws {
        let (folder, paths) = try Self.odd()
        for path in paths where path != folder.path {
            #expect(throws: FileError.self) { try SystemFile.text(path) }
            #expect(throws: NameLookupError.self) {
                try NameLookup(hostsPath: path, resolvConfPath: path).addresses(of: "db", preferring: .v4, random: SystemRandomNumberGenerator())
            }
            let text = "global\n server-state-file \(path)\n" + Self.proxy + " load-server-state-from-file global\n"
            let configuration = Configuration.read(text).configuration
            try #require(configuration.backends.contains { $0.stateSource == .global })
            var reports: [String] = []
            let files = ServerStateFiles(configuration.global, configuration.backends) { reports.append("\($0) \($1)") }
            #expect(files.memories(configuration.backends).isEmpty)
            #expect(reports.count == 1 && reports[0].contains("not a regular file") || reports[0].contains("No such device"), "\(reports)")
        }
    }

    @Test("is not written to as a pid file, nor is a file with a second name elsewhere")
    func pidFiles() throws {
        let (folder, paths) = try Self.odd()
        for path in paths { #expect(throws: PIDFileError.self, "\(path)") { try PIDFile(path) } }
        let secret = try folder.write("secret", "root:x:0\n")
        let (link, symbolic) = ("\(folder.path)/link", "\(folder.path)/symbolic")
        try #require(Glibc.link(secret, link) == 0 && symlink(secret, symbolic) == 0)
        for path in [link, symbolic] { #expect(throws: PIDFileError.self, "\(path)") { try PIDFile(path) } }
        #expect(try folder.text("secret") == "root:x:0\n")
    }
}
