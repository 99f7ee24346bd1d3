import Glibc
import LinuxIO
import Wire

/// Runs the programs of external checks in the helper process: starts them as the node requests, reports their ends, and kills them when the node closes a
/// check's connection.
///
///     node --channel: the connection of a check--> accepted --request--> running --child has ended--> answered --node closes--> removed
///                                                     |                     |
///                                                     +--node closes        +--node closes--> stopping: SIGTERM, after `stopTimeout` SIGKILL --> removed
///
/// At most `programsMax` checks are in these states. Further connections wait in the channel, in their order.
///
/// The runner trusts the node only to name a program of its table, and an address. All programs of a check are in one process group, which the runner kills
/// when the first of them ends.
final class ProgramRunner {
    /// The most concurrent programs.
    static let programsMax = 256
    /// How long a program may take to end after SIGTERM.
    static let stopTimeout = Duration.seconds(1)
    /// The byte that accompanies a connection on the channel.
    static let connectionByte: UInt8 = 1
    /// The most bytes of one read. A request is shorter.
    private static let readBytes = 512

    /// The connection of a check, and its program.
    private final class Run {
        /// `nil` once the node has closed it.
        var file: OpenFile?
        var request = ExternalCheckReader()
        /// The program's process, until it is collected.
        var process: Int32?
        var hasBegun = false

        init(_ file: OpenFile) { self.file = file }
    }

    private let table: ExternalCheckTable
    private let environment: [String: String]
    private let channel: OpenFile
    private let programsMax: Int
    private let reactor: Reactor
    private let nodeEnded: () -> Void
    private var runs: [ObjectIdentifier: Run] = [:]
    private var runsByProcess: [Int32: Run] = [:]
    private var isFull: Bool { runs.count >= programsMax }
    private var isReading = true

    /// Serves the node at the other end of `channel`.
    ///
    /// - Parameters:
    ///   - environment: variables for programs, if the table permits it.
    ///   - nodeEnded: called once when the node has closed the channel and all programs are killed.
    init(
        _ table: ExternalCheckTable, environment: [String: String], channel: OpenFile, programsMax: Int = programsMax, reactor: Reactor,
        nodeEnded: @escaping () -> Void
    ) throws(SystemError) {
        (self.table, self.environment, self.channel) = (table, environment, channel)
        (self.programsMax, self.reactor, self.nodeEnded) = (programsMax, reactor, nodeEnded)
        try reactor.watch(channel.raw, for: .read) { [unowned self] in channelReady($0) }
    }

    /// The processes of the programs that are not collected yet.
    var processes: [Int32] { runsByProcess.keys.sorted() }

    // MARK: Connections

    private func channelReady(_ interest: Interest) {
        guard !interest.contains(.hangUp) else { return end() }
        while !isFull {
            do throws(SystemError) {
                switch try DescriptorPassing.receive(over: channel.raw) {
                case .received(let passed): if let file = passed.files.first { accept(file) }
                case .nothing: return
                case .closed: return end()
                }
            } catch {
                // Without a free descriptor the kernel has closed the connection, and the node receives that.
                guard error.isShortage else { return end() }
            }
        }
        setReading(false)
    }

    /// Reads the channel, or leaves its connections in the kernel's queue. The end of the node is reported in either case.
    private func setReading(_ reads: Bool) {
        guard reads != isReading else { return }
        isReading = reads
        try? reactor.rewatch(channel.raw, for: reads ? .read : [])
    }

    private func accept(_ file: OpenFile) {
        let run = Run(file)
        // Fails for a file that is not a socket; the file is then closed.
        guard (try? reactor.watch(file.raw, for: .read, { [unowned self, unowned run] _ in read(run) })) != nil else { return }
        runs[ObjectIdentifier(run)] = run
    }

    private func read(_ run: Run) {
        guard let file = run.file else { return }
        do throws(SystemError) {
            guard let bytes = try Sockets.receive(file.raw, upTo: Self.readBytes) else { return }
            guard !bytes.isEmpty, !run.hasBegun else { return close(run) }
            run.request.append(bytes)
            guard let message = run.request.next() else { return }
            run.hasBegun = true
            guard run.request.isAtEnd, let request = ExternalCheckRequest(message) else { return close(run) }
            start(request, run)
        } catch {
            close(run)
        }
    }

    private func start(_ request: ExternalCheckRequest, _ run: Run) {
        guard let invocation = ProgramInvocation(request, table, inherited: environment) else { return close(run) }
        do throws(SystemError) {
            let process = try ChildProgram.start(invocation.command, arguments: invocation.arguments, environment: invocation.environment)
            (run.process, runsByProcess[process]) = (process, run)
            send(.started, to: run)
        } catch {
            send(.failed(reason: error.reason), to: run)
        }
    }

    /// Sends a few bytes, for which a new socket always has room. The node may have closed its end.
    private func send(_ answer: ExternalCheckAnswer, to run: Run) {
        if let file = run.file { _ = try? Sockets.send(file.raw, answer.frame[...]) }
    }

    /// Closes the check's connection, and stops its program.
    private func close(_ run: Run) {
        if let file = run.file { reactor.unwatch(file.raw) }
        run.file = nil
        guard let process = run.process else { return remove(run) }
        ChildProgram.signal(SIGTERM, groupOf: process)
        reactor.setTimer(at: reactor.now.advanced(by: Self.stopTimeout)) { [weak self, weak run] in
            guard let self, let run, runsByProcess[process] === run else { return }
            ChildProgram.signal(SIGKILL, groupOf: process)
        }
    }

    private func remove(_ run: Run) {
        runs[ObjectIdentifier(run)] = nil
        setReading(true)
    }

    private func end() {
        reactor.unwatch(channel.raw)
        for run in runs.values { if let file = run.file { reactor.unwatch(file.raw) } }
        for process in processes { ChildProgram.signal(SIGKILL, groupOf: process) }
        runs = [:]
        nodeEnded()
    }

    // MARK: Programs

    /// Handles a child process that has ended and is not collected yet: a program, or an orphan of one.
    func collect(_ process: Int32) {
        let run = runsByProcess[process]
        // Before the program is collected, its identifier cannot be that of another group.
        if run != nil { ChildProgram.signal(SIGKILL, groupOf: process) }
        guard let exit = ChildExit.next(of: process), let run else { return }
        (run.process, runsByProcess[process]) = (nil, nil)
        guard run.file != nil else { return remove(run) }
        let answer: ExternalCheckAnswer =
            if let code = exit.code { .exited(code: UInt8(truncatingIfNeeded: code)) } else { .killed(signal: UInt8(truncatingIfNeeded: exit.signal ?? 0)) }
        send(answer, to: run)
    }
}
