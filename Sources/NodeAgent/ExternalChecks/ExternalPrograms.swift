import Glibc
import LinuxIO
import Wire

/// The node's side of the helper process for external checks.
///
/// Every check has its own connection to the helper. If the helper has died, the checks find their connections closed. A process without privileges cannot
/// start another helper.
final class ExternalPrograms {
    /// How long the helper may take to start.
    private static let startTimeout = Duration.seconds(20)
    /// The longest report of the helper in bytes.
    private static let reportBytesMax = 1024

    /// `nil` after `end`.
    private var channel: OpenFile?
    /// `nil` once the process is collected.
    private var process: Int32?

    private init(channel: OpenFile, process: Int32) { (self.channel, self.process) = (channel, process) }

    /// Starts a helper process, and waits until it has dropped its privileges. Call it while this process has its privileges and one thread.
    ///
    /// - Parameters:
    ///   - environment: variables for programs, if the table permits it.
    ///   - errors: the stderr of programs; `nil` for this process's.
    static func start(_ table: ExternalCheckTable, environment: [String: String], errors: OpenFile?) throws(StartError) -> ExternalPrograms {
        let programs = try StartError.wrapping("cannot start the helper process of external checks: ") { () throws(SystemError) in
            let (own, other) = try DescriptorPassing.pair()
            let file = try MemoryFile.containing(table.bytes, name: "tsukada programs")
            let variables = environment.merging(ExternalCheckLink.variables(channel: other, table: file)) { $1 }
            let process = try OwnProgram.start(
                arguments: ["tsukada", "external-checks"], environment: variables, errors: errors, keeping: [other, file])
            return ExternalPrograms(channel: own, process: process)
        }
        if let reason = programs.failureOfStart() {
            programs.kill()
            throw StartError("the helper process of external checks did not start: \(reason)")
        }
        return programs
    }

    /// Waits for the helper's report. Returns the reason of a failure.
    private func failureOfStart() -> String? {
        guard let channel else { return nil }
        let deadline = MonotonicClock.now().advanced(by: Self.startTimeout)
        var report: [UInt8] = []
        while report.count < Self.reportBytesMax {
            let rest = MonotonicClock.now().duration(to: deadline)
            guard rest > .zero else { return "it was not ready within \(Self.startTimeout.components.seconds)s" }
            var request = pollfd(fd: channel.raw, events: Int16(POLLIN), revents: 0)
            _ = poll(&request, 1, Int32(clamping: rest.wholeMilliseconds + 1))
            do throws(SystemError) {
                guard let bytes = try Sockets.receive(channel.raw, upTo: Self.reportBytesMax) else { continue }
                report += bytes
                if report.first == ExternalCheckHelper.startedWord { return nil }
                if bytes.isEmpty { break }
            } catch {
                break
            }
        }
        return report.isEmpty ? "it ended without a reason" : String(decoding: report, as: UTF8.self)
    }

    private func kill() {
        guard let process else { return }
        Glibc.kill(process, SIGKILL)
        waitpid(process, nil, 0)
        self.process = nil
    }

    /// Sends a request to run a program.
    ///
    /// - Returns: the connection on which the helper answers, and whose end stops the program. It is closed already if the helper has died.
    /// - Throws: EAGAIN if too many requests wait for the helper.
    func open(_ request: ExternalCheckRequest) throws(SystemError) -> OpenFile {
        let (own, other) = try DescriptorPassing.pair()
        guard let channel, process != nil else { return own }
        let frame = request.frame
        guard try Sockets.send(own.raw, frame[...]) == frame.count else { throw SystemError("send", code: EAGAIN) }
        do throws(SystemError) { try DescriptorPassing.send(ProgramRunner.connectionByte, [other], over: channel.raw) } catch {
            // The helper has died just now. Its side of the connection closes when this function returns.
            guard error.code == EPIPE || error.code == ECONNRESET else { throw error }
        }
        return own
    }

    /// Collects the helper process if it has died. Returns its end, once.
    func collectDeath() -> ChildExit? {
        guard let process, let exit = ChildExit.next(of: process) else { return nil }
        self.process = nil
        return channel == nil ? nil : exit
    }

    /// Ends the helper process with all its programs, because this process makes no more checks.
    func end() { channel = nil }
}
