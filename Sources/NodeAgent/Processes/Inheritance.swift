import Glibc
import LinuxIO
import Wire

/// What a starting process gets from the one before it, or from its supervisor.
struct Inheritance {
    /// How long the other may take to hand everything over.
    private static let patience = Duration.seconds(5)

    /// Bound sockets.
    let sockets = InheritedSockets()
    /// What the one before knew.
    private(set) var state = AgentState()
    /// The files that it was configured by, when they are to be used again as they were.
    private(set) var configuration: [(name: String, bytes: [UInt8])]?
    /// True once nobody else serves: the state is the last one.
    private(set) var isAlone = true
    /// The one before, or the master.
    private(set) var channel: ProcessChannel?

    /// Nothing but the sockets that systemd has opened.
    init(environment: [String: String]) { sockets.add(SocketActivation.files(environment: environment)) }

    /// What a master passes to its worker.
    init(from master: ProcessChannel) throws(StartError) { try take(over: master, "the master") }

    /// Takes over from the process whose runtime socket is at `path`.
    init(fromRuntimeSocket path: String, environment: [String: String]) throws(StartError) {
        self.init(environment: environment)
        let remedy = "it must be tsukada's of this version, with 'level admin expose-fd listeners' on its line; leave '-x' out to start without it"
        let file = try StartError.wrapping("-x \(path): no process can be reached there: ") { () throws(SystemError) in
            let file = OpenFile(try Sockets.open(.stream, for: .unix(path)))
            _ = try Sockets.connect(file.raw, to: .unix(path))
            let request = Array((RuntimeInterpreter.handOverCommand + "\n").utf8)
            guard try Sockets.send(file.raw, request[...]) == request.count else { throw SystemError("send", code: EAGAIN) }
            return file
        }
        do throws(StartError) { try take(over: ProcessChannel(file), path) } catch { throw StartError("-x \(path): \(error); \(remedy)") }
    }

    private mutating func take(over channel: ProcessChannel, _ name: String) throws(StartError) {
        let deadline = MonotonicClock.now().advanced(by: Self.patience)
        while let message = channel.next(until: deadline) {
            switch message {
            case .configuration(let file):
                let bytes = try StartError.wrapping { () throws(SystemError) in try MemoryFile.bytes(of: file, bytesMax: ConfigurationSnapshot.bytesMax) }
                configuration = ConfigurationSnapshot.files(from: bytes)
            case .sockets(let files): sockets.add(files)
            case .state(let file), .lastState(let file):
                if case .state = message { isAlone = false }
                state = Self.state(in: file)
                self.channel = channel
                return
            case .ready, .takenOver, .replaced, .leaving, .report, .runtime, .alive, .reloadFailed: break
            }
        }
        throw StartError("\(name) does not hand its sockets over")
    }

    /// What `file` says; nothing when it cannot be read.
    static func state(in file: OpenFile) -> AgentState {
        AgentStateText.state(from: (try? MemoryFile.bytes(of: file, bytesMax: AgentStateText.bytesMax)) ?? [])
    }
}

/// Configuration files as they were read, so that a worker that is started again after a crash reads the same: the files may be half edited by then.
///
///     file <bytes> <name> LF <bytes>     for each file
enum ConfigurationSnapshot {
    /// Bytes of the longest snapshot that is kept.
    static let bytesMax = 64 << 20

    /// The snapshot of `files`.
    static func bytes(of files: [(name: String, bytes: [UInt8])]) -> [UInt8] {
        files.reduce(into: []) { $0 += Array("file \($1.bytes.count) \($1.name)\n".utf8) + $1.bytes }
    }

    /// The files of a snapshot; `nil` when it is none.
    static func files(from bytes: [UInt8]) -> [(name: String, bytes: [UInt8])]? {
        var files: [(name: String, bytes: [UInt8])] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let newline = rest.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
            let words = String(decoding: rest[..<newline], as: UTF8.self).split(separator: " ", maxSplits: 2)
            guard words.count == 3, words[0] == "file", let count = Int(words[1]), count >= 0 else { return nil }
            rest = rest[(newline + 1)...]
            guard count <= rest.count else { return nil }
            files.append((String(words[2]), Array(rest.prefix(count))))
            rest = rest.dropFirst(count)
        }
        return files
    }
}
