import Glibc
import LinuxIO
import Seals
import Support
import Synchronization
import Testing
import Wire

@testable import NodeAgent

/// A folder that is removed with its owner, including all files.
final class TemporaryFolder {
    let path: String

    init() throws {
        var template = Array("/tmp/tsk-gossip-XXXXXX".utf8CString)
        _ = try #require(mkdtemp(&template))
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        for name in names { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    /// The names of its files, sorted.
    var names: [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            names.append(withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names.filter { $0 != "." && $0 != ".." }.sorted()
    }

    /// Writes a file with exactly this mode and returns its path.
    @discardableResult
    func write(_ name: String, _ text: String, mode: UInt32 = 0o600) throws -> String { try write(name, Array(text.utf8), mode: mode) }

    @discardableResult
    func write(_ name: String, _ bytes: [UInt8], mode: UInt32 = 0o600) throws -> String {
        let file = "\(path)/\(name)"
        let raw = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        try #require(raw >= 0)
        defer { close(raw) }
        try Files.write(bytes[...], to: raw)
        try #require(fchmod(raw, mode) == 0)
        return file
    }

    func text(_ name: String) throws -> String { String(decoding: try Files.read("\(path)/\(name)", bytesMax: 1 << 21), as: UTF8.self) }
}

/// A runtime socket that answers each connection's line with the result of `answer`, then closes. `nil` never answers.
final class StubNode: Sendable {
    let path: String
    private let listener: OpenFile
    private let received = Mutex<[String]>([])

    init(path: String, answer: @escaping @Sendable (String) -> String?) throws {
        self.path = path
        listener = OpenFile(try Sockets.open(.stream, for: .unix(path)))
        try Sockets.bind(listener.raw, to: .unix(path))
        try Sockets.listen(listener.raw, backlog: 8)
        _ = try Thread(named: "stub") { [weak self, listener] in
            var held: [OpenFile] = []
            while true {
                var ready = pollfd(fd: listener.raw, events: Int16(POLLIN), revents: 0)
                // Ends when the stub is released, which shuts the listener down.
                guard poll(&ready, 1, 10_000) == 1, let descriptor = try? Sockets.accept(listener.raw) else { return }
                let connection = OpenFile(descriptor)
                var line: [UInt8] = []
                while line.last != UInt8(ascii: "\n") {
                    var input = pollfd(fd: connection.raw, events: Int16(POLLIN), revents: 0)
                    guard poll(&input, 1, 10_000) == 1, let bytes = try? Sockets.receive(connection.raw, upTo: 4_096), !bytes.isEmpty else { break }
                    line += bytes
                }
                let text = String(decoding: line.dropLast(), as: UTF8.self)
                self?.received.withLock { $0.append(text) }
                guard let reply = answer(text) else {
                    held.append(connection)
                    continue
                }
                _ = try? Sockets.send(connection.raw, Array(reply.utf8)[...])
            }
        }
    }

    deinit { shutdown(listener.raw, Int32(SHUT_RDWR)) }

    /// The received lines.
    var lines: [String] { received.withLock { $0 } }
}

/// Predictable keys for tests.
enum TestKey {
    static func text(_ number: UInt8) -> String { Hexadecimal.text((0..<32).map { $0 &* 7 &+ number }) }

    static func identifier(_ number: UInt8) throws -> UInt32 {
        let file = try KeyFileText(Array((text(number) + "\n").utf8), path: "k", seal: OpenSSLSeal())
        return try #require(file.keys.first).id
    }
}
