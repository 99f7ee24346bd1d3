import Glibc
import Testing

@testable import NodeAgent

@Suite("Configuration files")
struct ConfigurationFilesTests {
    @Test("of a folder are its .cfg files, in the byte order of their names")
    func loadsFolder() throws {
        var template = Array("/tmp/tsukada-configuration-XXXXXX".utf8CString)
        _ = try #require(mkdtemp(&template))
        let folder = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let names = ["b.cfg", "B.cfg", "10.cfg", "9.cfg", ".hidden.cfg", "notes.txt", "a.cfg~"]
        for name in names {
            let file = try #require(fopen("\(folder)/\(name)", "w"))
            fputs(name, file)
            fclose(file)
        }
        mkdir("\(folder)/folder.cfg", 0o700)
        defer {
            for name in names { unlink("\(folder)/\(name)") }
            rmdir("\(folder)/folder.cfg")
            rmdir(folder)
        }
        let files = try ConfigurationFiles.load([folder, "\(folder)/notes.txt"])
        #expect(files.map(\.name) == ["10.cfg", "9.cfg", "B.cfg", "b.cfg", "notes.txt"].map { "\(folder)/\($0)" })
        #expect(files.map { String(decoding: $0.bytes, as: UTF8.self) } == ["10.cfg", "9.cfg", "B.cfg", "b.cfg", "notes.txt"])
    }

    @Test("that are missing cause an error with the path")
    func namesMissingFile() {
        #expect(throws: ConfigurationFiles.LoadError(path: "/nonexistent.cfg", reason: "stat: No such file or directory")) {
            try ConfigurationFiles.load(["/nonexistent.cfg"])
        }
    }

    @Test("cannot have an empty path")
    func namesNothing() {
        #expect(throws: ConfigurationFiles.LoadError(path: "-f", reason: "empty path: write a file or a folder")) {
            try ConfigurationFiles.load([""])
        }
    }

    @Test("are required in a folder")
    func namesEmptyFolder() throws {
        #expect(throws: ConfigurationFiles.LoadError(path: "/proc/self/fd", reason: "the folder has no file whose name ends in '.cfg'")) {
            try ConfigurationFiles.load(["/proc/self/fd"])
        }
        #expect(try ConfigurationFiles.load(["/proc/self/fd", "/dev/null"]).map(\.name) == ["/dev/null"])
    }

    @Test("can use the process's environment")
    func readsEnvironment() {
        #expect(ConfigurationFiles.environment()["PATH"] == getenv("PATH").map { String(cString: $0) })
    }
}
