import Glibc
import LinuxIO
import Wire

/// Everything that a starting process receives from its predecessor, its master or its supervisor.
struct Inheritance {
    /// How long the sender may take to hand everything over.
    private static let timeout = Duration.seconds(5)

    /// Bound sockets.
    let sockets = InheritedSockets()
    /// The predecessor's state; empty before `readState`.
    private(set) var state = AgentState()
    private var pendingStateFile: OpenFile?
    /// The predecessor's configuration.
    private(set) var configuration: ConfigurationSnapshot?
    /// Whether no other process serves, so that the state is final.
    private(set) var isOnlyProcess = true
    /// The channel to the predecessor or the master.
    private(set) var channel: ProcessChannel?

    /// Receives only the sockets that systemd has opened.
    init(environment: [String: String]) { sockets.add(SocketActivation.files(environment: environment)) }

    /// Receives the data that a master passes to its worker.
    init(from master: ProcessChannel) throws(StartError) { try take(over: master, "the master") }

    /// Takes over from the process whose runtime socket is at `path`.
    init(fromRuntimeSocket path: String, environment: [String: String]) throws(StartError) {
        self.init(environment: environment)
        let remedy = "the socket must be tsukada's of this version, with 'level admin expose-fd listeners' on its line; omit '-x' to start without it"
        let file = try StartError.wrapping("-x \(path): cannot connect: ") { () throws(SystemError) in
            let file = OpenFile(try Sockets.open(.stream, for: .unix(path)))
            _ = try Sockets.connect(file.raw, to: .unix(path))
            let request = Array((RuntimeInterpreter.handOverCommand + "\n").utf8)
            guard try Sockets.send(file.raw, request[...]) == request.count else { throw SystemError("send", code: EAGAIN) }
            return file
        }
        do throws(StartError) { try take(over: ProcessChannel(file), path) } catch { throw StartError("-x \(path): \(error); \(remedy)") }
        // Only a master's configuration is trusted: a process that has served may have been compromised.
        configuration = nil
    }

    private mutating func take(over channel: ProcessChannel, _ name: String) throws(StartError) {
        let deadline = MonotonicClock.now().advanced(by: Self.timeout)
        while let message = channel.next(until: deadline) {
            switch message {
            case .configuration(let file):
                let bytes = try StartError.wrapping { () throws(SystemError) in try MemoryFile.bytes(of: file, bytesMax: ConfigurationSnapshot.bytesMax) }
                configuration = ConfigurationSnapshot(bytes)
            case .sockets(let files): sockets.add(files)
            case .state(let file), .lastState(let file):
                if case .state = message { isOnlyProcess = false }
                pendingStateFile = file
                self.channel = channel
                return
            case .ready, .takenOver, .replaced, .draining, .report, .runtime, .alive, .reloadFailed: break
            }
        }
        throw StartError("\(name) does not hand its sockets over")
    }

    /// Parses the predecessor's state. Call it once privileges are dropped, because an intruder may have controlled the process that sent it.
    mutating func readState() {
        if let file = pendingStateFile.take() { state = Self.state(in: file) }
    }

    /// Parses the state in `file`; empty if it cannot be read.
    static func state(in file: OpenFile) -> AgentState {
        AgentState((try? MemoryFile.bytes(of: file, bytesMax: AgentState.bytesMax)) ?? [])
    }
}
